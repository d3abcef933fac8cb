import type { WriteStream } from 'node:tty';
import { after, type DrillEvent, spreadOf, unseen } from '@shoal/testbed/drill';
import { paint } from '../paint.ts';

/** How many tenths of a second the figures of the status line cover. */
const SECOND = 10;

/** Shows how a drill goes: a line for each event, and on a terminal a status line below them. */
export class Progress {
  readonly #out: WriteStream;
  readonly #from = Date.now();
  #struckAt: number | undefined;
  #view = unseen;
  #recent: { ok: number; failed: number }[] = [];
  #lost = 0;

  constructor(out: WriteStream) {
    this.#out = out;
  }

  tell(event: DrillEvent): void {
    this.#view = after(this.#view, event);
    switch (event.type) {
      case 'phase':
        this.#line(event.atMs, event.says);
        break;
      case 'mark':
        if (event.mark === 'struck') this.#struckAt = event.atMs;
        break;
      case 'node':
        this.#line(event.atMs, `${event.host} is ${stateWord(event.state)}`);
        break;
      case 'manager':
        this.#line(
          event.atMs,
          event.answers ? 'the manager answers' : paint('red', 'the manager does not answer', this.#out),
        );
        break;
      case 'requests':
        this.#count(event);
        break;
      default:
        break;
    }
    this.#status();
  }

  /** Leaves the status line empty. */
  end(): void {
    this.#clear();
  }

  #count({ atMs, ok, failed }: { atMs: number; ok: number; failed: number }): void {
    this.#recent = [...this.#recent, { ok, failed }].slice(-SECOND);
    if (failed > 0 && this.#lost === 0) this.#line(atMs, paint('red', 'requests fail', this.#out));
    if (this.#lost > 0 && this.#recent.length === SECOND && this.#recent.every((slot) => slot.failed === 0)) {
      this.#line(atMs, `no request has failed for a second; ${this.#lost} were lost`);
      this.#lost = 0;
    } else this.#lost += failed;
  }

  #line(atMs: number, text: string): void {
    this.#clear();
    const since = this.#struckAt;
    const time =
      since === undefined || atMs < since
        ? `${((atMs - this.#from) / 1000).toFixed(1)} s`
        : `+${((atMs - since) / 1000).toFixed(2)} s`;
    this.#out.write(`${time.padStart(9)}  ${text}\n`);
  }

  #status(): void {
    if (!this.#out.isTTY) return;
    const spread = Object.entries(spreadOf(this.#view, [...this.#view.nodes.keys()].toSorted()))
      .map(([host, count]) => `${host} ${count}`)
      .join('  ');
    const sum = (pick: (slot: { ok: number; failed: number }) => number) =>
      this.#recent.reduce((total, slot) => total + pick(slot), 0);
    const text = `tasks: ${spread}   requests/s: ${sum(({ ok }) => ok)} answered, ${sum(({ failed }) => failed)} failed`;
    this.#clear();
    this.#out.write(paint('dim', `           ${text}`.slice(0, this.#out.columns - 1), this.#out));
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }
}

const stateWord = (state: string): string => (state === 'disconnected' ? 'not heard (disconnected)' : state);
