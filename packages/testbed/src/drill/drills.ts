import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/index.ts';
import * as faults from '../faults/index.ts';
import { TestbedError } from '../machine/index.ts';
import { setAvailability, updateService } from './changes.ts';
import type { DrillContext, DrillControls } from './context.ts';
import { makeImages, restoreAll, upgradeAll } from './docker-upgrade.ts';
import { loseManager, restoreManager } from './manager-lost.ts';
import { UPDATE_PARALLELISM } from './service.ts';
import { struckAt } from './struck-at.ts';

export interface Drill {
  readonly name: string;
  readonly says: string;
  /** May be played on a live cluster: it does nothing but what anybody may ask of Docker's API. */
  readonly safe: boolean;
  /** Which hosts may be struck: any but the manager's; any; the manager's; all of them, in turn. */
  readonly victim: 'worker' | 'any' | 'manager' | 'all';
  /** Which hosts requests are sent to: all, or only those that the fault spares, since nobody could answer the others. */
  readonly through: 'all' | 'not the victim' | 'neither victim nor manager';
  /** Before anything else. */
  readonly prepare?: () => Promise<void>;
  /** Makes the fault. Resolves with the moment when it took effect (milliseconds since 1970). */
  readonly strike: (context: DrillContext) => Promise<number>;
  /** What else is done before the drill starts to wait. */
  readonly goesOn?: (context: DrillContext, controls: DrillControls) => Promise<void>;
  /** What the drill waits for after that: every slot served on another host; every task replaced; every slot served; or just some time. */
  readonly awaits: 'moved' | 'renewed' | 'whole' | { readonly holdMs: number };
  /** Undoes the fault; also called when the drill is broken off. Missing where there is nothing to undo. */
  readonly heal?: (context: DrillContext) => Promise<void>;
  /** What is left to undo when the drill's service is gone. */
  readonly afterwards?: (context: DrillContext) => Promise<void>;
  /** What shows first that something is wrong. */
  readonly detectedBy: 'node' | 'manager' | 'nobody';
  /** Replicas that may be reachable beyond the wanted ones: where a new one starts before the old one stops. */
  readonly surge: number;
  readonly goals: Goals;
}

/** At most; seconds, requests, tasks. */
export interface Goals {
  readonly detected?: number;
  readonly 'traffic recovered'?: number;
  readonly replaced?: number;
  readonly returned?: number;
  readonly balanced?: number;
  readonly 'requests lost'?: number;
  readonly 'tasks started'?: number;
}

const lossOfHost: Goals = { detected: 2, 'traffic recovered': 2, replaced: 30, balanced: 180 };
const untouched: Goals = { 'requests lost': 0, 'tasks started': 0 };
/** A service is moved to emptier hosts one task at a time, the new one first. */
const rebalanced = 1;
const flaps = { times: 3, cutMs: 2_500, wellMs: 4_000 };

export const DRILLS: readonly Drill[] = [
  {
    name: 'host-power-loss',
    says: 'a host loses power, and boots again once its tasks run elsewhere',
    safe: false,
    victim: 'worker',
    through: 'not the victim',
    strike: (context) => {
      const host = victimOf(context);
      return struckAt(
        () => faults.powerOff(host),
        ['type=container', 'event=kill', `container=${host.container}`],
      );
    },
    awaits: 'moved',
    heal: mend,
    detectedBy: 'node',
    surge: rebalanced,
    goals: lossOfHost,
  },
  {
    name: 'host-cut',
    says: "a host's network cable is pulled, and plugged in again once its tasks run elsewhere",
    safe: false,
    victim: 'worker',
    through: 'not the victim',
    strike: cutCable,
    awaits: 'moved',
    heal: mend,
    detectedBy: 'node',
    surge: rebalanced,
    goals: lossOfHost,
  },
  {
    name: 'daemon-kill',
    says: "a host's Docker daemon is killed, and starts again once its tasks run elsewhere",
    safe: false,
    victim: 'any',
    through: 'not the victim',
    strike: (context) => faults.killProcess(victimOf(context), 'dockerd', { hold: true }),
    awaits: 'moved',
    heal: mend,
    detectedBy: 'node',
    surge: rebalanced,
    goals: lossOfHost,
  },
  {
    name: 'agent-kill',
    says: "a host's agent is killed and stays away for 8 s: nothing may change",
    safe: false,
    victim: 'any',
    through: 'all',
    strike: (context) => faults.killProcess(victimOf(context), 'agent', { hold: true }),
    // Its tasks are replaced only after 15 s.
    awaits: { holdMs: 8_000 },
    heal: mend,
    detectedBy: 'node',
    surge: 0,
    goals: { ...untouched, returned: 10 },
  },
  {
    name: 'manager-kill',
    says: 'the manager is killed and starts again: nothing may change',
    safe: false,
    victim: 'manager',
    through: 'all',
    strike: (context) => faults.killProcess(victimOf(context), 'manager'),
    awaits: { holdMs: 10_000 },
    detectedBy: 'manager',
    surge: 0,
    goals: { ...untouched, returned: 10 },
  },
  {
    name: 'manager-lost',
    says: "the manager's host, drained before, is lost with its disks; 10 s later a fresh one in its place restores a backup: nothing may change",
    safe: false,
    victim: 'manager',
    through: 'not the victim',
    strike: (context) => loseManager(context, testbedOf(context)),
    awaits: { holdMs: 10_000 },
    heal: (context) => restoreManager(context, testbedOf(context)),
    afterwards: ({ docker, manager }) => setAvailability(docker, manager, 'active'),
    detectedBy: 'manager',
    surge: rebalanced,
    goals: { ...untouched, returned: 60 },
  },
  {
    name: 'rolling-update',
    says: `every task is replaced, ${UPDATE_PARALLELISM} at a time, the new ones first: no request may be lost`,
    safe: true,
    victim: 'manager',
    through: 'all',
    strike: now(({ docker, service }) =>
      updateService(docker, service, ({ TaskTemplate }) => {
        TaskTemplate.ForceUpdate = (TaskTemplate.ForceUpdate ?? 0) + 1;
      }),
    ),
    awaits: 'renewed',
    detectedBy: 'nobody',
    surge: UPDATE_PARALLELISM,
    goals: { replaced: 180, 'requests lost': 0 },
  },
  {
    name: 'drain',
    says: 'a host is drained, and made active again once its tasks run elsewhere: no request may be lost',
    safe: true,
    victim: 'any',
    through: 'all',
    strike: now(({ docker, victim }) => setAvailability(docker, victim, 'drain')),
    awaits: 'moved',
    heal: ({ docker, victim }) => setAvailability(docker, victim, 'active'),
    detectedBy: 'nobody',
    surge: rebalanced,
    goals: { replaced: 60, balanced: 180, 'requests lost': 0 },
  },
  {
    name: 'flap',
    says: `a host's cable is pulled ${flaps.times} times for ${flaps.cutMs / 1000} s: all must be well again afterwards`,
    safe: false,
    victim: 'worker',
    through: 'not the victim',
    strike: cutCable,
    goesOn: flap,
    awaits: 'whole',
    heal: mend,
    detectedBy: 'node',
    surge: rebalanced,
    goals: { detected: 2, balanced: 240 },
  },
  {
    name: 'one-way-loss',
    says: "what a host sends does not reach the manager's host for 10 s: nothing may change",
    safe: false,
    victim: 'worker',
    through: 'neither victim nor manager',
    strike: now((context) =>
      faults.drop({ from: victimOf(context), at: testbedOf(context).host(context.manager) }),
    ),
    // Its tasks are replaced only after 15 s.
    awaits: { holdMs: 10_000 },
    heal: mend,
    detectedBy: 'node',
    surge: 0,
    goals: { ...untouched, returned: 10 },
  },
  {
    name: 'docker-upgrade',
    says: 'every host in turn is drained and gets another Docker, newer ones first, then back: no request may be lost',
    safe: false,
    victim: 'all',
    through: 'all',
    prepare: makeImages,
    strike: now(async () => {}),
    goesOn: (context, controls) => upgradeAll(context, testbedOf(context), controls),
    awaits: 'whole',
    heal: (context) => restoreAll(context, testbedOf(context)),
    detectedBy: 'nobody',
    // A host may be drained while a task is being moved to another.
    surge: rebalanced + 1,
    goals: { 'requests lost': 0 },
  },
];

const testbedOf = ({ testbed }: DrillContext): Cluster => {
  if (!testbed) throw new TestbedError('Faults are for the hosts of the testbed only.');
  return testbed;
};

const victimOf = (context: DrillContext) => testbedOf(context).host(context.victim);

function mend(context: DrillContext): Promise<void> {
  return faults.healAll(testbedOf(context));
}

/** The fault counts from the moment of the command. */
function now(strike: (context: DrillContext) => Promise<void>): Drill['strike'] {
  return async (context) => {
    const from = Date.now();
    await strike(context);
    return from;
  };
}

function cutCable(context: DrillContext): Promise<number> {
  const host = victimOf(context);
  return struckAt(() => faults.cut(host), ['type=network', 'event=disconnect', `network=${host.network}`]);
}

/** Pulls the cable and plugs it in again, several times; at the end it is pulled. */
async function flap(context: DrillContext): Promise<void> {
  const host = victimOf(context);
  const wait = (ms: number) => sleep(ms, undefined, { signal: context.signal });
  for (let time = 1; time <= flaps.times; time++) {
    if (time > 1) await faults.cut(host);
    await wait(flaps.cutMs);
    await faults.heal(host);
    await wait(flaps.wellMs);
  }
}
