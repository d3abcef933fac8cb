import { type Network, type Task, type Wait, waitOf } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { freeAddress } from './subnets.ts';
import { fullText, idleMs, nextSubnet, recut, usageOf } from './usage.ts';

/** What to write about one network. Empty when everything is as it should be. */
export interface TaskAllocation {
  /** With its new slices; absent when they stay. */
  readonly network?: Network;
  /** Nothing is attached to it any more, and it was to be removed. */
  readonly remove: boolean;
  /** Tasks with an address more, or with the reason why they have to wait. */
  readonly tasks: readonly Task[];
  /** What is left as it is for now. */
  readonly waits: readonly Wait[];
}

/**
 * Slices for the nodes whose tasks join the network, and addresses for the tasks that wait for one. What is
 * taken follows from the tasks and services alone, so nothing leaks. `now` in ms since the epoch.
 */
export function allocateTasks(view: ReadView, network: Network, now: number): TaskAllocation {
  const { taken, needs, waiting, isEmpty } = usageOf(view, network);
  if (network.shoal.removing && isEmpty) return { remove: true, tasks: [], waits: [] };
  if (network.Spec.Driver === 'bridge') {
    return { remove: false, tasks: waiting.map((task) => withAddress(task, network.ID, '')), waits: [] };
  }
  const { shoal } = recut(network.shoal, { needs, taken }, (own) => nextSubnet(view, own), now);
  const cut = { ...network, shoal };
  return {
    remove: false,
    ...(!sameCut(shoal, network.shoal) && { network: cut }),
    tasks: addresses(cut, waiting.toSorted(byAge), taken),
    waits: shoal.slices.flatMap(({ owner, idleSince }) =>
      idleSince === undefined
        ? []
        : waitOf('network', network.ID, `${owner} to need its slice again`, idleSince + idleMs),
    ),
  };
}

function addresses(network: Network, waiting: readonly Task[], taken: Set<string>): Task[] {
  const slicesOf = Map.groupBy(network.shoal.slices, ({ owner }) => owner);
  return waiting.flatMap((task) => {
    const address = freeAddress(slicesOf.get(task.NodeID ?? '') ?? [], taken, task.ID);
    if (address === undefined) return keptWaiting(task, fullText(network));
    taken.add(address);
    return withAddress(task, network.ID, address);
  });
}

/**
 * The order of the task's networks is keptWaiting: the first is its container's way out. The reason to wait goes with
 * the last address.
 */
function withAddress(task: Task, networkId: string, address: string): Task {
  const all = [...(task.shoal.attachments ?? []), { networkId, address }];
  const attachments = (task.shoal.networks ?? []).flatMap(
    (id) => all.find((one) => one.networkId === id) ?? [],
  );
  const { unaddressed, ...rest } = task;
  const waits = attachments.length !== task.shoal.networks?.length && unaddressed !== undefined;
  return { ...rest, ...(waits && { unaddressed }), shoal: { ...task.shoal, attachments } };
}

/** Says why no host has started the task; nothing when it says so already. */
export const keptWaiting = (task: Task, unaddressed: string): Task[] =>
  task.unaddressed === unaddressed ? [] : [{ ...task, unaddressed }];

const sameCut = (a: Network['shoal'], b: Network['shoal']): boolean =>
  a.slices.length === b.slices.length &&
  a.subnets.length === b.subnets.length &&
  a.slices.every(({ owner, cidr, idleSince }, i) => {
    const other = b.slices[i];
    return other?.owner === owner && other.cidr === cidr && other.idleSince === idleSince;
  });

const byAge = (a: Task, b: Task): number =>
  a.CreatedAt === b.CreatedAt ? (a.ID < b.ID ? -1 : 1) : a.CreatedAt < b.CreatedAt ? -1 : 1;
