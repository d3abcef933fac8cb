import { Change, type ManagerMessage } from '@shoal/proto';
import type { Agents } from './agents.ts';
import { Session } from './session.ts';

/** An agent behind a session without a stream: it keeps what it is told. */
export class ToldAgent {
  readonly session: Session;
  /** Encoded, by kind and id. */
  readonly objects = new Map<string, string>();
  /** It reads nothing for now. */
  slow = false;
  number = 0;
  /** Of the newest message. */
  changes: readonly Buffer[] = [];

  constructor(agents: Agents, nodeId: string) {
    this.session = new Session(nodeId, {
      write: (message, written) => {
        this.#take(message);
        if (written) setImmediate(written);
        return !this.slow;
      },
      end: () => {},
    });
    agents.add(this.session);
  }

  #take({ body }: ManagerMessage): void {
    if (body?.$case !== 'changes') return;
    const { complete, appliesTo, resultsIn, changes } = body.value;
    if (complete) this.objects.clear();
    else if (appliesTo !== this.number) throw new Error(`a gap from ${this.number} to ${appliesTo}`);
    for (const bytes of changes) {
      const { kind, id, object } = Change.decode(bytes);
      if (object) this.objects.set(`${kind} ${id}`, bytes.toString('hex'));
      else this.objects.delete(`${kind} ${id}`);
    }
    this.number = resultsIn;
    this.changes = changes;
  }
}
