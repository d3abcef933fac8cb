import type { NetworkState, ServiceEndpoints } from './state.ts';

/**
 * The manager's state less the endpoints on this host that the host itself knows to be unfit: it knows first, and it
 * knows while the manager is away. It only ever takes away, so that what the manager withdrew stays withdrawn; what
 * is fit (again) is there as far as the manager says so. Everything else keeps its objects.
 */
export function withoutUnfit(state: NetworkState, unfit: ReadonlySet<string>): NetworkState {
  const { nodeId } = state.self;
  const isUnfit = (endpoint: ServiceEndpoints['endpoints'][number]) =>
    endpoint.nodeId === nodeId && unfit.has(endpoint.taskId);
  const changed = [...state.services.values()]
    .filter(({ endpoints }) => unfit.size > 0 && endpoints.some(isUnfit))
    .map((service): [string, ServiceEndpoints] => [
      service.id,
      { ...service, endpoints: service.endpoints.filter((endpoint) => !isUnfit(endpoint)) },
    ]);
  return changed.length === 0 ? state : { ...state, services: new Map([...state.services, ...changed]) };
}
