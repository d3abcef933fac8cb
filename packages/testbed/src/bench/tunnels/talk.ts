import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { TestbedError } from '../../machine/index.ts';

/** Longer than any answer of this bench takes. */
const patienceMs = 60_000;

type Handlers = Readonly<Record<string, (given: never) => unknown>>;
type Given<F> = F extends (given: infer G) => unknown ? G : never;
type Answer<F> = F extends (given: never) => infer R ? Awaited<R> : never;

interface Asked {
  readonly id: number;
  readonly what: string;
  readonly given: unknown;
}
type Answered =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** Seconds of CPU that the main thread has used, which both sides of a tunnel do all their work in. */
export const cpuSeconds = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
};

/** In a child: answers what its parent asks, and ends with it. */
export function answerParent(handlers: Handlers): void {
  process.on('message', async ({ id, what, given }: Asked) => {
    const answer: Answered = await Promise.resolve(handlers[what]?.(given as never)).then(
      (value) => ({ id, value }),
      (error: Error) => ({ id, error: error.stack ?? error.message }),
    );
    if (process.connected) process.send?.(answer);
  });
  process.on('disconnect', () => process.exit(0));
}

/** A process of its own that answers what `H` names. */
export class Child<H extends Handlers> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answered) => void>();
  #asked = 0;

  constructor(file: string) {
    this.#child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (answer: Answered) => this.#waiting.get(answer.id)?.(answer));
    this.#child.once('exit', (code) => {
      for (const [id, tell] of this.#waiting) tell({ id, error: `its process ended with code ${code}` });
    });
  }

  async ask<K extends keyof H & string>(what: K, given: Given<H[K]>): Promise<Answer<H[K]>> {
    const id = ++this.#asked;
    const answer = await new Promise<Answered>((resolve, reject) => {
      const late = setTimeout(() => reject(new TestbedError(`No answer to ${what}.`)), patienceMs);
      const come = (one: Answered) => {
        clearTimeout(late);
        resolve(one);
      };
      this.#waiting.set(id, come);
      if (this.#child.connected) this.#child.send({ id, what, given } satisfies Asked);
      else come({ id, error: 'its process has ended' });
    });
    this.#waiting.delete(id);
    if ('error' in answer) throw new TestbedError(`${what}: ${answer.error}`);
    return answer.value as Answer<H[K]>;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
