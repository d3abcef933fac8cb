import { allocateNetwork, OverlapError, PoolsUsedUpError } from '../../allocator/index.ts';
import {
  ingressId,
  isTerminal,
  isWanted,
  type Network,
  type NetworkSpec,
  networksOf,
  type Service,
  stateOf,
  wantsEncryption,
} from '../../model/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import { refuseUnknownLabels } from '../checks/index.ts';
import { ApiError, rpcError } from '../http/index.ts';
import { isVisible as isVisibleService, specsInUse } from '../objects/index.ts';
import { validateNetwork } from './check.ts';
import { findNetwork, isVisible } from './resolve.ts';

/**
 * Adds a network. Throws ApiError: 400 for a spec that can't be honoured, 403 for addresses that others have,
 * 409 for a name in use.
 */
export function createNetwork(tx: Tx, id: string, sent: NetworkSpec): Network {
  const spec = withDefaults(tx, sent);
  refuseUnknownLabels('network', spec.Labels, {});
  validateNetwork(spec);
  if (spec.Ingress) {
    throw rpcError('AlreadyExists', `ingress network (${ingressId}) is already present`);
  }
  if (tx.networks.by('name', spec.Name ?? '').some(isVisible)) {
    throw new ApiError(409, `network with name ${spec.Name} already exists`);
  }
  return tx.networks.create({ ID: id, Spec: spec, shoal: allocateOrRefuse(tx, spec) });
}

/** Docker's driver, and encryption as the cluster has it. */
function withDefaults(view: ReadView, sent: NetworkSpec): NetworkSpec {
  const spec = { ...sent, Driver: sent.Driver || 'bridge' };
  const [cluster] = view.clusters.all();
  const isOpen = spec.Driver === 'overlay' && spec.Options?.encrypted === undefined;
  if (!isOpen || !wantsEncryption(cluster?.Labels)) return spec;
  return { ...spec, Options: { ...spec.Options, encrypted: '' } };
}

function allocateOrRefuse(view: ReadView, spec: NetworkSpec): Network['shoal'] {
  try {
    return allocateNetwork(view, spec);
  } catch (error) {
    if (error instanceof OverlapError) throw new ApiError(403, `invalid pool request: ${error.message}`);
    if (error instanceof PoolsUsedUpError) throw new ApiError(400, error.message);
    throw error;
  }
}

/**
 * Hides a network at once; the allocator drops it once the last task that still stops on it is gone. Throws
 * 404, and 403 for a network in use and for those that are always there.
 */
export function removeNetwork(tx: Tx, given: string): void {
  const { stored: network, predefined } = findNetwork(tx, given);
  if (!network) throw new ApiError(403, `${predefined.name} is a pre-defined network and cannot be removed`);
  if (network.ID === ingressId) {
    throw new ApiError(
      403,
      `network ${network.ID} (ingress) is a swarm predefined network and cannot be removed`,
    );
  }
  const user = userOf(tx, network.ID);
  if (user) throw new ApiError(403, `network ${network.ID} is in use by ${user}`);
  tx.networks.update({ ...network, shoal: { ...network.shoal, removing: true } });
}

/** Who keeps the network from being removed, in words; undefined for nobody. */
export function userOf(view: ReadView, networkId: string): string | undefined {
  const service = [...view.services.all()].find((one) => isVisibleService(one) && wants(one, networkId));
  if (service) return `service ${service.ID} (${service.Spec.Name})`;
  const task = view.tasks
    .by('network', networkId)
    .find(
      (one) =>
        isWanted(one) && !isTerminal(stateOf(one)) && isVisibleService(view.services.get(one.ServiceID)),
    );
  return task && `task ${task.ID}`;
}

const wants = (service: Service, networkId: string): boolean =>
  specsInUse(service).some((spec) => networksOf(spec).includes(networkId));
