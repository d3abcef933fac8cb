import { parseAddress } from '@shoal/proto/rules';
import type { Network, ServiceEndpoints } from '../state/index.ts';

/** A service on one network, ready to be asked for. */
export interface Member {
  readonly service: ServiceEndpoints;
  readonly aliases: readonly string[];
  /** Undefined with `dnsrr`, or while the service has none yet. */
  readonly vip: number | undefined;
  readonly tasks: readonly TaskAddress[];
  readonly taskAddresses: readonly number[];
  /** Addresses of tasks by `1`, `1.TASKID`, `NODEID`…; made when first asked for. */
  slots: ReadonlyMap<string, readonly number[]> | undefined;
}

export interface TaskAddress {
  readonly address: number;
  readonly taskName: string;
  readonly taskId: string;
  /** All networks of the task: what a question from its address may see. */
  readonly networkIds: readonly string[];
}

/** What a name stands for. `addresses` may be empty: then the name exists, but has no address now. */
export interface Found {
  readonly addresses: readonly number[];
  readonly ofTasks: boolean;
}

/** The names of one network. Adding and removing a service costs what that service has, whatever else is here. */
export class Zone {
  network: Network | undefined;
  /** By lower-case name. Several services may bear one name, by their aliases: Docker answers with all of them. */
  readonly #names = new Map<string, Set<Member>>();
  /** `web` of the service `shop_web`: valid where the network belongs to the stack `shop` too. */
  readonly #stackNames = new Map<string, Set<Member>>();
  /** More than one while an address passes from a task to the next. */
  readonly #tasks = new Map<number, Set<TaskAddress>>();
  readonly #vips = new Map<number, Set<Member>>();

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  add(member: Member): void {
    const { full, short } = namesOf(member);
    for (const name of full) put(this.#names, name, member);
    if (short !== undefined) put(this.#stackNames, short, member);
    if (member.vip !== undefined) put(this.#vips, member.vip, member);
    for (const task of member.tasks) put(this.#tasks, task.address, task);
  }

  remove(member: Member): void {
    const { full, short } = namesOf(member);
    for (const name of full) drop(this.#names, name, member);
    if (short !== undefined) drop(this.#stackNames, short, member);
    if (member.vip !== undefined) drop(this.#vips, member.vip, member);
    for (const task of member.tasks) drop(this.#tasks, task.address, task);
  }

  /** `web`, `web.shop`, an alias, `tasks.web`, `web.1`, `web.1.TASKID`. */
  find(name: string): Found | undefined {
    const members = this.membersOf(name);
    if (members.length > 0) return allOf(members, addressesOf, members.some(answersWithTasks));
    if (name.startsWith('tasks.')) {
      const behind = this.membersOf(name.slice('tasks.'.length));
      if (behind.length > 0) return allOf(behind, taskAddressesOf, true);
    }
    return this.#findTask(name);
  }

  membersOf(name: string): Member[] {
    const members = [...(this.#names.get(name) ?? [])];
    for (const member of this.#stackNames.get(name) ?? [])
      if (!members.includes(member) && this.network?.name.startsWith(`${member.service.stack}_`))
        members.push(member);
    return members;
  }

  #findTask(name: string): Found | undefined {
    for (const [prefix, slot] of splitSlot(name)) {
      const addresses = this.membersOf(prefix).flatMap((member) => slotsOf(member).get(slot) ?? []);
      if (addresses.length > 0) return { addresses, ofTasks: true };
    }
    return undefined;
  }

  taskAt(address: number): TaskAddress | undefined {
    return first(this.#tasks.get(address), ({ taskName, taskId }) => `${taskName}.${taskId}`);
  }

  /** What an address is called here: `web.1.TASKID`, or the service for its VIP. */
  nameOf(address: number): string | undefined {
    const task = this.taskAt(address);
    if (task) return `${task.taskName}.${task.taskId}`;
    return first(this.#vips.get(address), ({ service }) => service.name)?.service.name;
  }
}

type Attachment = ServiceEndpoints['attachments'][number];

/** The member of `service` on one of its networks. */
export function memberOf(service: ServiceEndpoints, { networkId, vip, aliases }: Attachment): Member {
  const tasks: TaskAddress[] = [];
  for (const { taskId, taskName, addresses } of service.endpoints) {
    const address = parseAddress(addresses[networkId] ?? '');
    if (address !== undefined) tasks.push({ address, taskName, taskId, networkIds: Object.keys(addresses) });
  }
  return {
    service,
    aliases,
    vip: service.mode === 'vip' ? parseAddress(vip) : undefined,
    tasks,
    taskAddresses: tasks.map(({ address }) => address),
    slots: undefined,
  };
}

function namesOf({ service: { name, stack }, aliases }: Member) {
  const full = new Set([name, ...aliases].map((each) => each.toLowerCase()));
  if (stack === '') return { full, short: undefined };
  const short = (name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name).toLowerCase();
  full.add(`${short}.${stack.toLowerCase()}`);
  return { full, short };
}

/** `web.1` → `web` and `1`; `web.1.ID` → also `web` and `1.ID`. */
export function* splitSlot(name: string): Generator<[prefix: string, slot: string]> {
  const last = name.lastIndexOf('.');
  if (last <= 0) return;
  yield [name.slice(0, last), name.slice(last + 1)];
  const before = name.lastIndexOf('.', last - 1);
  if (before > 0) yield [name.slice(0, before), name.slice(before + 1)];
}

/** An update that starts first has two tasks in one slot for a while. */
function slotsOf(member: Member): ReadonlyMap<string, readonly number[]> {
  if (member.slots) return member.slots;
  const slots = new Map<string, number[]>();
  const prefix = `${member.service.name}.`;
  for (const { address, taskName, taskId } of member.tasks) {
    if (!taskName.startsWith(prefix)) continue;
    const slot = taskName.slice(prefix.length).toLowerCase();
    slots.set(slot, [...(slots.get(slot) ?? []), address]);
    slots.set(`${slot}.${taskId.toLowerCase()}`, [address]);
  }
  member.slots = slots;
  return slots;
}

const answersWithTasks = ({ service }: Member): boolean => service.mode === 'dnsrr';
const taskAddressesOf = (member: Member): readonly number[] => member.taskAddresses;
const addressesOf = (member: Member): readonly number[] =>
  answersWithTasks(member) ? member.taskAddresses : member.vip === undefined ? [] : [member.vip];

function allOf(
  members: readonly Member[],
  of: (member: Member) => readonly number[],
  ofTasks: boolean,
): Found {
  const [only, ...more] = members;
  if (only && more.length === 0) return { addresses: of(only), ofTasks };
  return { addresses: [...new Set(members.flatMap(of))], ofTasks };
}

/** The least by `key`, so that the answer does not depend on the order in which things came. */
function first<T>(all: ReadonlySet<T> | undefined, key: (each: T) => string): T | undefined {
  let least: T | undefined;
  for (const each of all ?? []) if (least === undefined || key(each) < key(least)) least = each;
  return least;
}

function put<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.add(value);
  else map.set(key, new Set([value]));
}

function drop<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (values?.delete(value) && values.size === 0) map.delete(key);
}
