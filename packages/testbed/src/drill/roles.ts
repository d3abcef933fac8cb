import type Docker from 'dockerode';
import { TestbedError } from '../machine/index.ts';
import type { Drill } from './drills.ts';

export interface DrillHost {
  readonly name: string;
  readonly address: string;
  readonly manager: boolean;
}

/** Who plays in a drill. */
export interface Roles {
  readonly victim: string;
  readonly manager: string;
  /** All hosts that take tasks now. */
  readonly hosts: readonly string[];
  /** Whom the load asks. */
  readonly addresses: readonly string[];
}

interface NodeAnswer {
  ID: string;
  Description?: { Hostname?: string };
  Status?: { State?: string; Addr?: string };
  Spec?: { Availability?: string };
  ManagerStatus?: { Leader?: boolean };
}

/** The hosts that take tasks: ready and active. */
export async function hostsOf(docker: Docker): Promise<DrillHost[]> {
  const nodes = (await docker.listNodes()) as NodeAnswer[];
  return nodes
    .filter(({ Status, Spec }) => Status?.State === 'ready' && Spec?.Availability === 'active')
    .map(({ ID, Description, Status, ManagerStatus }) => ({
      name: Description?.Hostname ?? ID,
      address: Status?.Addr ?? '',
      manager: ManagerStatus !== undefined,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Whom the drill strikes (the last host that may be, unless one is named), and through whom it asks. */
export function rolesOf(drill: Drill, hosts: readonly DrillHost[], named?: string): Roles {
  const names = hosts.map(({ name }) => name).join(', ');
  if (hosts.length < 2)
    throw new TestbedError(
      `A drill needs two hosts that are ready and active; there ${hosts.length === 1 ? `is one: ${names}` : 'is none'}.`,
    );
  const manager = hosts.find((host) => host.manager)?.name ?? '';
  if (drill.victim === 'all') {
    if (named !== undefined) throw new TestbedError(`${drill.name} strikes all hosts in turn: name none.`);
    return {
      victim: names,
      manager,
      hosts: hosts.map(({ name }) => name),
      addresses: hosts.map(({ address }) => address),
    };
  }
  const able = hosts.filter(
    (host) => drill.victim === 'any' || (drill.victim === 'manager') === host.manager,
  );
  const victim = named === undefined ? able.at(-1) : able.find(({ name }) => name === named);
  if (!victim) throw new TestbedError(whyNot(drill, hosts, named));
  const outside = hosts.filter(({ name }) => {
    if (drill.through === 'all') return true;
    return name !== victim.name && (drill.through === 'not the victim' || name !== manager);
  });
  if (outside.length === 0)
    throw new TestbedError(`${drill.name} needs a third host to send requests through; there are: ${names}.`);
  return {
    victim: victim.name,
    manager,
    hosts: hosts.map(({ name }) => name),
    addresses: outside.map(({ address }) => address),
  };
}

function whyNot(drill: Drill, hosts: readonly DrillHost[], named: string | undefined): string {
  const able = hosts.filter(
    (host) => drill.victim === 'any' || (drill.victim === 'manager') === host.manager,
  );
  const choice = able.map(({ name }) => name).join(', ') || 'none here';
  const which =
    drill.victim === 'worker'
      ? "a host other than the manager's, which has to notice it"
      : drill.victim === 'manager'
        ? "the manager's host"
        : 'a host that is ready and active';
  return `${drill.name} strikes ${which}${named === undefined ? '' : `, not ${named}`}: ${choice}.`;
}
