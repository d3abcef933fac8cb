import { type HostAnswer, HostProbe, hostAnswers, probeHost, probeMs, type Query } from '@shoal/proto';
import { beatMsFor, type Timing, timingOf } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { type Clock, isoTime } from '../effects.ts';
import { isReady, type Node } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { fitBeats } from './beats.ts';
import { pickHelpers } from './helpers.ts';
import { byManager, lookMs, type Probe, type State } from './judge.ts';
import { Judgements } from './judgements.ts';
import { type LivenessReport, type Names, reportRound, reportValve, say, type Verdict } from './report.ts';
import { Watches } from './watches.ts';
import { Writing } from './writing.ts';

/** On top of the probe itself, a helper's answer may take so long. */
const helperMs = probeMs + 250;
/** Hosts probed at a time: when all are silent at once, some wait, and the safety valve gives them the time. */
const roundsAtATime = 64;
/** Past verdicts kept per node. */
const keptVerdicts = 20;
/** A stall of the manager that is worth a line in its log. */
const longStallMs = 500;

export interface Liveness {
  /** A message of this node arrived; `beatMs`: if it was a beat, how often its agent beats. */
  heard(nodeId: string, beatMs?: number): void;
  /** How its agent is to keep in touch: whoever asks tells it, and from now on it is judged by that. */
  told(nodeId: string): Timing;
  /** Its stream ended. */
  left(nodeId: string): void;
  report(node: Node): LivenessReport;
  close(): void;
}

export interface LivenessOptions {
  readonly clock: Clock;
  /** Milliseconds of a clock that never jumps. */
  readonly steady: Clock;
  readonly log: Logger;
  /** Asks an agent; rejects at once when it is not connected. */
  readonly ask: (nodeId: string, what: NonNullable<Query['what']>, withinMs: number) => Promise<unknown>;
  /** Nobody gets an answer from this node's host: no traffic should go there. False: it does again. */
  readonly onSilent: (nodeId: string, silent: boolean) => void;
  /** All agents have to be told anew how to keep in touch. */
  readonly onTiming: () => void;
}

/** Watches all nodes from now on. Every node that was not down gets the full time first, as nobody knows when it was last heard. */
export function startLiveness(store: Store, options: LivenessOptions): Liveness {
  return new Guard(store, options);
}

class Guard implements Liveness {
  readonly #store: Store;
  readonly #options: LivenessOptions;
  readonly #watches: Watches;
  readonly #judgements: Judgements;
  readonly #verdicts = new Map<string, readonly Verdict[]>();
  readonly #silent = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #unwatch: () => void;
  readonly #names: Names;
  /** The ids of all nodes, sorted; and the addresses of hosts with a manager: made when they are needed. */
  #ring: readonly string[] | undefined;
  #managers: readonly string[] | undefined;
  /** How often agents are told to beat. */
  #beatMs: number;
  readonly #writing: Writing;
  #soon: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(store: Store, options: LivenessOptions) {
    const { clock, steady, log } = options;
    this.#store = store;
    this.#options = options;
    this.#beatMs = this.#written;
    this.#watches = new Watches(steady(), this.#beatMs);
    this.#judgements = new Judgements(store, clock, log);
    this.#writing = new Writing(log, 'how often agents beat');
    this.#names = {
      hostname: (nodeId) => store.view.nodes.get(nodeId)?.reported.description.Hostname ?? nodeId,
      time: (at) => isoTime(clock() - (steady() - at)),
    };
    for (const { ID, judged } of store.view.nodes.all())
      if (judged.state === 'down') this.#watches.inherit(ID, judged.leases, steady());
      else this.#watches.heard(ID, steady());
    this.#unwatch = store.watch(({ changes }) => {
      for (const { table, id, before, after } of changes) {
        if (table !== 'nodes') continue;
        if (!before || !after) this.#ring = undefined;
        if (before?.reported !== after?.reported) this.#managers = undefined;
        if (after) this.#judgements.recordChanged(id);
        else this.#forget(id);
      }
    });
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  heard(nodeId: string, beatMs?: number): void {
    // A message of a node that was removed meanwhile.
    const node = this.#store.view.nodes.get(nodeId);
    if (!node) return;
    const state = this.#watches.get(nodeId)?.state ?? 'heard';
    this.#watches.heard(nodeId, this.#options.steady(), beatMs);
    // Also a judgement of the manager's previous run.
    if (node.judged.state !== 'heard') this.#judgements.set(nodeId, { state: 'heard' });
    if (state !== 'heard' || node.judged.state !== 'heard') this.#lookSoon();
  }

  told(nodeId: string): Timing {
    this.#watches.told(nodeId, this.#beatMs);
    return timingOf(this.#beatMs);
  }

  left(nodeId: string): void {
    this.#watches.left(nodeId);
    this.#lookSoon();
  }

  report({ ID, reported }: Node): LivenessReport {
    return {
      node: ID,
      hostname: reported.description.Hostname ?? '',
      ...this.#verdict(ID, this.#options.steady()),
      verdicts: this.#verdicts.get(ID) ?? [],
      valve: reportValve(
        this.#watches.crowd,
        (this.#watches.get(ID)?.timing ?? timingOf(this.#beatMs)).doubtMs,
      ),
    };
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unwatch();
  }

  #forget(nodeId: string): void {
    this.#watches.forget(nodeId);
    this.#judgements.forget(nodeId);
    this.#verdicts.delete(nodeId);
    this.#setSilent(nodeId, false);
  }

  /** Once for all that happens at the same time. */
  #lookSoon(): void {
    if (this.#watches.manyInDoubt) return;
    this.#soon ??= setImmediate(() => this.#look());
  }

  #look(): void {
    clearImmediate(this.#soon);
    this.#soon = undefined;
    if (this.#closed) return;
    const { log, steady } = this.#options;
    const now = steady();
    const judged = this.#watches.look(now);
    const { stalledMs } = this.#watches;
    if (stalledMs > longStallMs)
      log.warn({ stalledMs }, 'the manager stalled; its nodes get that much more time');
    for (const [id, was] of judged) {
      const watch = this.#watches.get(id);
      if (watch && watch.state !== was) this.#changed(id, was, watch.state, now);
      this.#disconnect(id, now);
      this.#judgements.setLeases(id, watch?.leases);
    }
    this.#probe(this.#watches.due(now, roundsAtATime), now);
    this.#judgements.write(now);
    this.#fitBeats(now);
  }

  /** As there may be more nodes now, or fewer. */
  #fitBeats(now: number): void {
    const written = this.#written;
    const within = (ms: number) => this.#watches.leasesEndWithin(ms, now);
    const { tell, write } = fitBeats(this.#store.view.nodes.size, written, within);
    if (write !== written) this.#write(write, now);
    if (tell === this.#beatMs) return;
    this.#beatMs = tell;
    this.#options.log.info(
      { beatMs: tell, nodes: this.#store.view.nodes.size },
      'how often agents beat has changed',
    );
    this.#options.onTiming();
  }

  /** The longest beats that an agent may keep. */
  get #written(): number {
    const [cluster] = this.#store.view.clusters.all();
    return cluster?.beatMs ?? beatMsFor(0);
  }

  #write(beatMs: number, now: number): void {
    if (!this.#writing.isDue(now)) return;
    this.#writing.begin(now, () =>
      this.#store.update((tx) => {
        for (const cluster of tx.clusters.all()) tx.clusters.update({ ...cluster, beatMs });
      }, 'liveness'),
    );
  }

  #changed(id: string, was: State, state: State, now: number): void {
    this.#setSilent(id, state === 'silent' || state === 'down');
    if (state === 'down') this.#judgements.set(id, { state: 'down', why: this.#record(id, now) });
    else if (state === 'silent' || (state === 'away' && was === 'silent')) this.#record(id, now);
    if (state !== 'heard') return;
    const last = this.#verdicts.get(id)?.[0];
    if (last && last.state !== 'heard') this.#record(id, now);
    this.#judgements.set(id, { state: 'heard' });
  }

  /** Nodes that are silent for a while get no new tasks. */
  #disconnect(id: string, now: number): void {
    const watch = this.#watches.get(id);
    if (!watch || watch.state === 'heard' || watch.state === 'down' || this.#judgements.isAway(id)) return;
    if (this.#watches.silenceMs(watch, now) < watch.timing.disconnectedMs) return;
    this.#judgements.set(id, { state: 'disconnected', why: this.#record(id, now) });
  }

  /** Remembers the node's judgement and its reason; returns the reason. */
  #record(id: string, now: number): string {
    const verdict = this.#verdict(id, now);
    const earlier = this.#verdicts.get(id) ?? [];
    this.#verdicts.set(id, [verdict, ...earlier].slice(0, keptVerdicts));
    const { state, says } = verdict;
    const level = state === 'heard' ? 'info' : 'warn';
    this.#options.log[level]({ nodeId: id, hostname: this.#names.hostname(id), says }, `node is ${state}`);
    return says;
  }

  #verdict(id: string, now: number): Verdict {
    const at = this.#names.time(now);
    const watch = this.#watches.get(id);
    // Down since before this manager was started.
    if (!watch || watch.inherited) {
      const says = this.#store.view.nodes.get(id)?.judged.why ?? '';
      return { at, state: 'down', says, evidence: [] };
    }
    const { rounds, state } = watch;
    const silenceMs = this.#watches.silenceMs(watch, now);
    return {
      at,
      state,
      says: say(state, silenceMs, rounds, this.#names),
      heardAt: this.#names.time(now - silenceMs),
      evidence: rounds.map((round) => reportRound(round, this.#names)),
    };
  }

  #setSilent(id: string, silent: boolean): void {
    if (this.#silent.has(id) === silent) return;
    if (silent) this.#silent.add(id);
    else this.#silent.delete(id);
    this.#options.onSilent(id, silent);
  }

  /** One round for each of these nodes. */
  #probe(ids: readonly string[], from: number): void {
    if (ids.length === 0) return;
    const { view } = this.#store;
    this.#ring ??= [...view.nodes.all()].map(({ ID }) => ID).sort();
    this.#managers ??= [...view.nodes.all()].filter(({ reported }) => reported.runsManager).map(addressOf);
    const able = (id: string) => {
      const node = view.nodes.get(id);
      return node && isReady(node) && this.#watches.isFresh(id, from) ? addressOf(node) : undefined;
    };
    const ring = { ids: this.#ring, able };
    for (const id of ids) {
      const node = view.nodes.get(id);
      const not = new Set(node ? [...this.#managers, addressOf(node)] : []);
      const rounds = this.#watches.get(id)?.rounds ?? [];
      const round = node ? this.#ask(node, pickHelpers(id, ring, not, rounds)) : Promise.resolve([]);
      void round.then((probes) => {
        this.#watches.probed(id, { from, to: this.#options.steady(), probes });
        this.#lookSoon();
      });
    }
  }

  /** What the manager's own probe and those of the helpers found. Never rejects. */
  async #ask(node: Node, helpers: readonly string[]): Promise<Probe[]> {
    const address = addressOf(node);
    const port = node.reported.probePort ?? 0;
    if (!address || !port) return await later([], probeMs);
    const question = { $case: 'hostProbe', value: { address, port } } as const;
    return await Promise.all([
      probeHost(address, port)
        .catch((): HostAnswer => 'unknown')
        .then((answer) => ({ by: byManager, answer })),
      ...helpers.map(async (by) => {
        const said = await this.#options.ask(by, question, helperMs).catch(() => ({}));
        const { answer } = HostProbe.fromPartial(said as object);
        return { by, answer: hostAnswers.find((known) => known === answer) ?? 'unknown' };
      }),
    ]);
  }
}

const addressOf = ({ reported }: Node): string => reported.address;

const later = <T>(value: T, ms: number): Promise<T> =>
  new Promise((resolve) => setTimeout(resolve, ms, value));
