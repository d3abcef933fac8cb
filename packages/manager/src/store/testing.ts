import type { Clock } from '../effects.ts';
import type { Tx, Writer } from './index.ts';
import { type Backend, nothing, Store } from './store.ts';

/** A store that also takes updates in nobody's name: a test sets up what several writers would have written. */
export class TestStore extends Store {
  static override async open(backend: Backend, clock: Clock, derive = nothing): Promise<TestStore> {
    return new TestStore(await Store.load(backend), backend, clock, derive);
  }

  override update<R>(change: (tx: Tx) => R, writer?: Writer): Promise<R> {
    return this.ask(change, false, writer);
  }

  override updateOnView<R>(change: (tx: Tx) => R, writer?: Writer): Promise<R> {
    return this.ask(change, true, writer);
  }
}
