import {
  decodeObserved,
  type NodeFacts,
  type Listener as ProtoListener,
  type TaskStatus,
  type Underlay as ToldUnderlay,
} from '@shoal/proto';
import { blockOf, formatBlock, parseAddress } from '@shoal/proto/rules';
import { isoTime } from '../effects.ts';
import {
  compareStates,
  type Listener,
  type NodeDescription,
  type Observed,
  type PortConfig,
  type Reported,
  stateOf,
  type Task,
  type Underlay,
} from '../model/index.ts';

/**
 * The task with the agent's report applied, or undefined when the report changes nothing: it came late,
 * twice, or from a node that does not own the task. `now` (ms) is the manager's clock: restart windows are
 * judged by it, not by the hosts' clocks.
 */
export function applyStatus(task: Task, report: TaskStatus, nodeId: string, now: number): Task | undefined {
  const state = decodeObserved(report.state);
  if (!state || task.NodeID !== nodeId) return undefined;
  if (compareStates(state, stateOf(task)) < 0) return undefined;
  const known = task.observed?.state === state ? task.observed : undefined;
  const observed: Observed = {
    state,
    at: known?.at ?? isoTime(now),
    ...(report.message && { message: report.message }),
    ...(report.err && { err: report.err }),
    ...(report.err && state === 'running' && { unfitSince: known?.unfitSince ?? isoTime(now) }),
    ...(report.unhealthy && { unhealthy: true as const }),
    ...(report.canaryPassed && { canary: 'passed' as const }),
    ...(report.canaryFailed && { canary: 'failed' as const }),
    ...(report.lastLines && { lastLines: report.lastLines }),
    ...(report.oomKilled && { oomKilled: true as const }),
    ...(report.startRefused && { startRefused: true as const }),
    ...(report.cutOff && { cutOff: true as const }),
    ...(report.limitsRefused && {
      limitsRefused: { why: report.limitsRefused, specVersion: task.shoal.specVersion },
    }),
    ...(report.container && {
      container: {
        ContainerID: report.container.id,
        PID: report.container.pid,
        ExitCode: report.container.exitCode,
      },
    }),
    ...(report.ports.length > 0 && { ports: report.ports.map(publishedPort) }),
  };
  if (known && JSON.stringify(observed) === JSON.stringify(known)) return undefined;
  return { ...task, observed };
}

const publishedPort = ({ protocol, target, published, name }: TaskStatus['ports'][number]): PortConfig => ({
  ...(name && { Name: name }),
  Protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
  TargetPort: target,
  PublishedPort: published,
  PublishMode: 'host',
});

/** What an agent says of its node, and the protocol in which it does. */
export const reportedOf = (facts: NodeFacts, protocol: number | undefined): Reported => ({
  ...(protocol !== undefined && { protocol }),
  description: nodeDescription(facts),
  address: facts.address,
  ...(facts.trouble && { trouble: facts.trouble }),
  ...(facts.runsManager && { runsManager: true }),
  ...(facts.overlayKey && { key: facts.overlayKey }),
  ...(facts.probePort > 0 && facts.probePort < 65_536 && { probePort: facts.probePort }),
  ...(facts.underlay && { underlay: underlayOf(facts.underlay) }),
  images: facts.images,
  ...(facts.pressures.length > 0 && { pressures: facts.pressures }),
  ...(facts.listeners.length > 0 && { listeners: facts.listeners.map(listener) }),
});

function nodeDescription(facts: NodeFacts): NodeDescription {
  return {
    Hostname: facts.hostname,
    Platform: { Architecture: facts.architecture, OS: facts.os },
    Resources: {
      NanoCPUs: facts.nanoCpus,
      MemoryBytes: facts.memoryBytes,
      ...(facts.genericResources.length > 0 && {
        GenericResources: facts.genericResources.map(({ kind, amount, name }) =>
          name
            ? { NamedResourceSpec: { Kind: kind, Value: name } }
            : { DiscreteResourceSpec: { Kind: kind, Value: amount } },
        ),
      }),
    },
    Engine: {
      EngineVersion: facts.engineVersion,
      ...(Object.keys(facts.engineLabels).length > 0 && { Labels: facts.engineLabels }),
      Plugins: facts.plugins.map(({ type, name }) => ({ Type: type, Name: name })),
    },
  };
}

const listener = ({ protocol, port, process, pid, serviceId }: ProtoListener): Listener => ({
  protocol,
  port,
  ...(process && { process }),
  ...(pid > 0 && { pid }),
  ...(serviceId && { serviceId }),
});

/** Only what can be read: an agent's mistake must not become everybody's. */
const underlayOf = ({ addresses, subnets, defaultBridge }: ToldUnderlay): Underlay => {
  const [bridge] = blockIn(defaultBridge);
  return {
    addresses: addresses.filter((address) => parseAddress(address) !== undefined),
    subnets: [...new Set(subnets.flatMap(blockIn))],
    ...(bridge !== undefined && { defaultBridge: bridge }),
  };
};

/** In its plain form; none where it can't be read. */
function blockIn(cidr: string): string[] {
  try {
    return [formatBlock(blockOf(cidr))];
  } catch {
    return [];
  }
}
