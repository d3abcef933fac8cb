import { jobSizeOf, replicasOf, type ServiceSpec, type TaskSpec } from '../../../model/index.ts';
import { badRequest, invalid } from '../../http/index.ts';

const smallestCpu = 1_000_000;
const smallestMemory = 4 * 1024 * 1024;
/** No daemon takes less: of memory by its own rule, of CPU since the kernel gives no share below 1 ms of 100 ms. */
const lowestLimits = { NanoCPUs: 10_000_000, MemoryBytes: 6 * 1024 * 1024 };

interface Amounts {
  readonly NanoCPUs?: number | null;
  readonly MemoryBytes?: number | null;
}

/** Swarm's rules for what a task may reserve and be limited to. Throws 400. */
export function checkResources({ Resources }: TaskSpec): void {
  if (!Resources) return;
  checkAmounts(Resources.Limits ?? {}, 'TaskTemplate.Resources.Limits');
  checkAmounts(Resources.Reservations ?? {}, 'TaskTemplate.Resources.Reservations');
  checkLowestLimits(Resources.Limits ?? {});
  if (typeof Resources.SwapBytes === 'number' && !Resources.Limits?.MemoryBytes) {
    throw badRequest('TaskTemplate.Resources.SwapBytes: memory swap provided, but no memory-limit was set');
  }
  if ((Resources.SwapBytes ?? 0) < -1) {
    throw badRequest(
      'TaskTemplate.Resources.SwapBytes: must be a number of bytes, or -1 for as much as there is',
    );
  }
  const swappiness = Resources.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw badRequest(
      `TaskTemplate.Resources.MemorySwappiness: invalid value: ${swappiness}, valid memory swappiness range is 0-100`,
    );
  }
  checkFits(Resources.Limits ?? {}, Resources.Reservations ?? {}, 'NanoCPUs');
  checkFits(Resources.Limits ?? {}, Resources.Reservations ?? {}, 'MemoryBytes');
  for (const [i, generic] of (Resources.Reservations?.GenericResources ?? []).entries()) {
    const path = `TaskTemplate.Resources.Reservations.GenericResources[${i}]`;
    const { NamedResourceSpec, DiscreteResourceSpec } = generic;
    if (!(DiscreteResourceSpec?.Kind || NamedResourceSpec?.Kind)) {
      throw badRequest(`${path}: a Kind is missing`);
    }
    // Swarm lets a service ask for a number of units only, not for one by its name.
    if (!DiscreteResourceSpec) {
      throw badRequest(`${path}: ask for a number of units (DiscreteResourceSpec), not for a named one`);
    }
    if ((DiscreteResourceSpec.Value ?? 0) <= 0) throw badRequest(`${path}: Value must be positive`);
  }
}

function checkAmounts({ NanoCPUs, MemoryBytes }: Amounts, path: string): void {
  if (NanoCPUs && NanoCPUs < smallestCpu) {
    throw invalid(`invalid cpu value ${NanoCPUs / 1e9}: Must be at least 0.001`, `${path}.NanoCPUs`);
  }
  if (MemoryBytes && MemoryBytes < smallestMemory) {
    throw invalid(`invalid memory value ${MemoryBytes}: Must be at least 4MiB`, `${path}.MemoryBytes`);
  }
}

function checkLowestLimits(limits: Amounts): void {
  const { NanoCPUs, MemoryBytes } = limits;
  const path = 'TaskTemplate.Resources.Limits';
  if (NanoCPUs && NanoCPUs < lowestLimits.NanoCPUs) {
    throw badRequest(`${path}.NanoCPUs: ${NanoCPUs} is less than 0.01 CPUs, the lowest limit that Linux has`);
  }
  if (MemoryBytes && MemoryBytes < lowestLimits.MemoryBytes) {
    throw badRequest(`${path}.MemoryBytes: ${MemoryBytes}: minimum memory limit allowed is 6MB (6291456)`);
  }
}

/** Docker's daemon refuses such a container on every node, so the service could never run. */
function checkFits(limits: Amounts, reservations: Amounts, field: 'NanoCPUs' | 'MemoryBytes'): void {
  const limit = limits[field];
  const reserved = reservations[field];
  if (limit && reserved && reserved > limit) {
    throw badRequest(
      `TaskTemplate.Resources.Reservations.${field}: ${reserved} is more than the limit, ${limit}`,
    );
  }
}

const mostReplicas = 100_000;

/** Throws 400 unless there is at most one mode, with a number of replicas that can be planned. */
export function checkMode({ Mode }: ServiceSpec): void {
  const given = Object.values(Mode ?? {}).filter((mode) => mode !== null && mode !== undefined);
  if (given.length > 1) throw badRequest('Mode: must specify only one service mode');
  const { maxConcurrent, totalCompletions } = jobSizeOf({ Mode });
  const numbers = {
    'Replicated.Replicas': replicasOf({ Mode }),
    'ReplicatedJob.MaxConcurrent': maxConcurrent,
    'ReplicatedJob.TotalCompletions': totalCompletions,
  };
  for (const [field, number] of Object.entries(numbers)) {
    if (number > mostReplicas)
      throw badRequest(`Mode.${field}: ${number} is more than the ${mostReplicas} a service may have`);
  }
  if (maxConcurrent === 0 && totalCompletions > 0)
    throw badRequest(
      `Mode.ReplicatedJob.MaxConcurrent: must be 1 or more for any of ${totalCompletions} tasks to run`,
    );
}
