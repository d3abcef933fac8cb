/*
 * How agent and manager keep in touch: how often agents beat, and what follows from that. Both sides count silence by clocks of
 * their own, from the same beat: the host from when it sent it, the manager from when it heard it.
 *
 * Beats cost the manager no more whatever the number of nodes (2,000 a second where there are 1,000, and fewer where there are
 * more, since each then costs a little more): the more nodes, the longer from one beat to the next, and all patience with it. What
 * probes of a host take does not grow: that is up to the network.
 */

/** In milliseconds. Where it says silence, it is that of the agent. */
export interface Timing {
  /** From one beat to the next. */
  readonly beatMs: number;
  /** Silence after which a beat is late: the node may be about to fall silent, so it neither helps nor counts as one that works. */
  readonly lateMs: number;
  /** Silence after which a node is suspect, and before which it is never down. */
  readonly suspectMs: number;
  /** Silence after which a node gets no new tasks; what it runs stays. */
  readonly disconnectedMs: number;
  /** After this much silence, helpers that never say what they found are not waited for any more. */
  readonly helperPatienceMs: number;
  /** Silence after which a host that answers, without its agent, counts as down. */
  readonly agentMs: number;
  /** How much longer a verdict takes while the manager has reason to doubt itself. */
  readonly doubtMs: number;
  /** A lease (of what must not run twice, `shoal.isolation=stop`) runs for so long from the sending of a beat that was answered. */
  readonly leaseMs: number;
  /** Silence after which the lease of an agent that may live has ended and its tasks are dead: another copy may start. */
  readonly replaceMs: number;
}

/** When a lease has ended, a task that needs one has so long for a graceful stop; then it is killed. */
export const leaseGraceMs = 3_000;

/** So many nodes have the shortest beats; with more, they are so much longer for each so many. */
const shortestBeatMs = 500;
const nodesOfShortest = 1_000;
const stepMs = 250;
const stepNodes = 300;
/** So many nodes less than where a step begins, and beats get shorter again: one node more or less changes nothing. */
const slackNodes = 100;
/** What the network may do to a beat, and a busy process. */
const delayMs = 250;

/**
 * How often agents beat where there are so many nodes; `before`: how often they do until now.
 */
export function beatMsFor(nodes: number, before = 0): number {
  const steps = (count: number) => Math.max(0, Math.ceil((count - nodesOfShortest) / stepNodes));
  const fit = (count: number) => shortestBeatMs + stepMs * steps(count);
  return Math.max(fit(nodes), Math.min(before, fit(nodes + slackNodes)));
}

/** All that follows from how often agents beat. Throws where a lease would outlast the start of a replacement. */
export function timingOf(beatMs: number): Timing {
  const timing: Timing = {
    beatMs,
    // Whoever beats at all is heard again before a host that fell silent with it can be down: see the safety valve.
    lateMs: beatMs + delayMs,
    suspectMs: 2 * beatMs,
    disconnectedMs: 10 * beatMs,
    helperPatienceMs: 10 * beatMs,
    agentMs: 30 * beatMs,
    doubtMs: 20 * beatMs,
    leaseMs: 20 * beatMs,
    replaceMs: 30 * beatMs,
  };
  const { leaseMs, replaceMs } = timing;
  // The difference is what a kill may take.
  if (leaseMs + leaseGraceMs >= replaceMs)
    throw new Error(
      `a lease (${leaseMs} + ${leaseGraceMs} ms) must end before a replacement starts (${replaceMs} ms)`,
    );
  return timing;
}

/** What holds in a cluster of so many nodes that never was another size. */
export const timingFor = (nodes: number): Timing => timingOf(beatMsFor(nodes));
