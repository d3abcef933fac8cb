import { type Listener, listenerAt, listenerText, type Node } from '../../model/index.ts';
import type { Candidate } from '../candidate.ts';
import type { Demand } from '../demand.ts';
import { countNodes, type Holder, missingPorts, missingResources } from '../missing.ts';
import { freeGeneric, takeGeneric } from '../occupancy.ts';
import type { Filter } from './filter.ts';

/** Filters that ask for what is left on a node; asked again after each placement on it. */

export const resources: Filter = {
  name: 'resources',
  applies: (demand) => demand.nanoCpus > 0 || demand.memoryBytes > 0 || demand.generic.size > 0,
  passes(demand, { node, used }) {
    const all = node.reported.description.Resources;
    if (demand.nanoCpus > 0 && used.nanoCpus + demand.nanoCpus > (all?.NanoCPUs ?? 0)) return false;
    if (demand.memoryBytes > 0 && used.memoryBytes + demand.memoryBytes > (all?.MemoryBytes ?? 0))
      return false;
    for (const [kind, count] of demand.generic) if (!takeGeneric(node, used, kind, count)) return false;
    return true;
  },
  why: (demand, candidate) => shortages(demand, candidate).join(', '),
  summary: (nodes) => `insufficient resources on ${countNodes(nodes)}`,
  missing: missingResources,
};

export const hostPort: Filter = {
  name: 'hostPort',
  applies: (demand) => demand.ports.length > 0,
  passes(demand, { node, used }) {
    for (const port of demand.ports) if (used.ports.has(port) || listenerOn(node, port)) return false;
    return true;
  },
  why: (demand, { node, used }) =>
    `in use: ${demand.ports
      .flatMap((port) => {
        if (used.ports.has(port)) return showPort(port);
        const listener = listenerOn(node, port);
        return listener ? `${showPort(port)} by ${listenerText(listener)}` : [];
      })
      .join(', ')}`,
  summary: (nodes) => `host-mode port already in use on ${countNodes(nodes)}`,
  missing: (demand, refused) =>
    missingPorts(
      demand.ports.map((port) => ({
        name: showPort(port),
        holders: refused.flatMap(({ node, used }): Holder[] => {
          const listener = listenerOn(node, port);
          if (used.ports.has(port)) return ['a task'];
          return listener ? [listener] : [];
        }),
      })),
      refused,
    ),
};

/** As people write `tcp/80`. */
const showPort = (port: string): string => port.split('/').reverse().join('/');

/** Docker would find the port taken, and reject the task. `port`: as `tcp/80`. */
function listenerOn(node: Node, port: string): Listener | undefined {
  const [protocol = '', number] = port.split('/');
  return listenerAt(node, protocol, Number(number));
}

export const maxReplicas: Filter = {
  name: 'maxReplicas',
  applies: (demand) => demand.maxReplicas > 0,
  passes: (demand, { serviceTasks }) => serviceTasks < demand.maxReplicas,
  why: (demand, { serviceTasks }) =>
    `${serviceTasks} tasks of the service on the node, at most ${demand.maxReplicas} are allowed`,
  summary: (nodes) => `max replicas per node reached on ${countNodes(nodes)}`,
};

function shortages(demand: Demand, { node, used }: Candidate): string[] {
  const all = node.reported.description.Resources;
  const lines: string[] = [];
  const short = (name: string, wanted: number, capacity: number, taken: number, unit: number) => {
    if (wanted <= 0 || taken + wanted <= capacity) return;
    const [need, free, total] = [wanted, Math.max(0, capacity - taken), capacity].map((value) =>
      Number((value / unit).toFixed(3)),
    );
    lines.push(`${name}: ${need} needed, ${free} of ${total} free`);
  };
  short('CPUs', demand.nanoCpus, all?.NanoCPUs ?? 0, used.nanoCpus, 1e9);
  short('memory in MiB', demand.memoryBytes, all?.MemoryBytes ?? 0, used.memoryBytes, 2 ** 20);
  for (const [kind, count] of demand.generic) {
    if (takeGeneric(node, used, kind, count)) continue;
    lines.push(
      Number.isFinite(count)
        ? `${kind}: ${count} needed, ${freeGeneric(node, used, kind)} free`
        : `${kind}: only a number can be reserved`,
    );
  }
  return lines;
}
