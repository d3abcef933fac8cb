import {
  type ApiNode,
  type ApiService,
  type ApiTask,
  isTerminal,
  type Node,
  type PortConfig,
  pressureText,
  type Service,
  type ServiceSpec,
  type Task,
} from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { attachmentView, withPrefix } from './networks/attachments.ts';
import { modeOf } from './service-changes.ts';

/*
 * Stored objects as Docker's API shows them. Specs are shown as they were sent, plus the few fields that
 * Docker always fills in and clients rely on.
 */

export function nodeView(stored: Node): ApiNode {
  const { shoal: _, ...node } = stored;
  const message = node.Status.Message ?? pressureText(stored);
  return {
    ...node,
    Status: { ...node.Status, ...(message !== undefined && { Message: message }) },
    Spec: {
      ...node.Spec,
      Labels: node.Spec.Labels ?? {},
      Role: node.Spec.Role ?? 'worker',
      Availability: node.Spec.Availability ?? 'active',
    },
  };
}

export function serviceView(view: ReadView, { shoal, ...service }: Service): ApiService {
  return {
    ...service,
    Spec: specView(service.Spec),
    ...(service.PreviousSpec && { PreviousSpec: specView(service.PreviousSpec) }),
    Endpoint: endpointView(view, service.Spec, shoal),
  };
}

function specView(spec: ServiceSpec): ServiceSpec {
  const replicas = spec.Mode?.Replicated?.Replicas ?? 1;
  return {
    ...spec,
    Labels: spec.Labels ?? {},
    TaskTemplate: {
      ...spec.TaskTemplate,
      ForceUpdate: spec.TaskTemplate?.ForceUpdate ?? 0,
      Runtime: 'container',
    },
    Mode: modeOf(spec) === 'global' ? { Global: {} } : { Replicated: { Replicas: replicas } },
    ...(spec.EndpointSpec && { EndpointSpec: endpointSpecView(spec.EndpointSpec) }),
  };
}

type EndpointSpec = NonNullable<ServiceSpec['EndpointSpec']>;

const endpointSpecView = (endpoint: EndpointSpec): EndpointSpec => ({
  ...endpoint,
  Mode: endpoint.Mode ?? 'vip',
  ...(endpoint.Ports && { Ports: endpoint.Ports.map(portView) }),
});

const portView = (port: PortConfig): PortConfig => ({ ...port, Protocol: port.Protocol ?? 'tcp' });

function endpointView(view: ReadView, { EndpointSpec }: ServiceSpec, shoal: Service['shoal']): object {
  const { attachments = [], ports = EndpointSpec?.Ports?.map(portView) ?? [] } = shoal;
  const addresses = attachments.flatMap(({ networkId, vip }) =>
    vip === undefined ? [] : [{ NetworkID: networkId, Addr: withPrefix(view.networks.get(networkId), vip) }],
  );
  return {
    Spec: EndpointSpec ? endpointSpecView(EndpointSpec) : {},
    ...(ports.length > 0 && { Ports: ports }),
    ...(addresses.length > 0 && { VirtualIPs: addresses }),
  };
}

export function taskView(view: ReadView, { shoal, Slot, ...task }: Task): ApiTask {
  const { GenericResources, ...rest } = task;
  const { cutOff: _, limitsRefused: _limits, ...status } = task.Status;
  return {
    ...rest,
    Labels: { ...task.Labels },
    Spec: { ...task.Spec, ForceUpdate: task.Spec.ForceUpdate ?? 0 },
    ...(Slot !== undefined && { Slot }),
    Status: { ...status, ...message(task, shoal), PortStatus: portStatus(task) },
    ...(shoal.attachments && {
      NetworksAttachments: shoal.attachments.map((one) => attachmentView(view, one)),
    }),
    ...(GenericResources && { GenericResources: [...GenericResources] }),
    Volumes: null,
  };
}

/** With the reason, where the manager asked it to stop: `shutdown: rebalanced`, or has to replace it. */
const message = ({ Status }: Pick<Task, 'Status'>, { stopReason, refused }: Task['shoal']) => {
  const said = [Status.Message, stopReason].filter(Boolean).join(': ');
  const Message = refused ? `${said}; its daemon refused new limits: ${refused.why}` : said;
  return Message && { Message };
};

const portStatus = ({ Status }: Pick<Task, 'Status'>): ApiTask['Status']['PortStatus'] =>
  Status.PortStatus.Ports ? { Ports: [...Status.PortStatus.Ports] } : {};

/** Swarm's ListServiceStatuses: global services want as many tasks as they have that should run. */
export function serviceStatus(view: ReadView, service: Service): NonNullable<ApiService['ServiceStatus']> {
  const tasks = view.tasks.by('service', service.ID);
  const wanted = tasks.filter(
    ({ DesiredState, Status }) => DesiredState === 'running' && !isTerminal(Status.State),
  );
  return {
    RunningTasks: tasks.filter(({ Status }) => Status.State === 'running').length,
    DesiredTasks:
      modeOf(service.Spec) === 'global' ? wanted.length : (service.Spec.Mode?.Replicated?.Replicas ?? 1),
    CompletedTasks: 0,
  };
}
