import { managerAddress } from '../../manager-address.ts';
import {
  type ApiNode,
  type ApiService,
  type ApiTask,
  desiredStateOf,
  type FormerRoot,
  isJob,
  isPerNode,
  isTerminal,
  isWanted,
  iterationOf,
  jobSizeOf,
  knownState,
  modeOf,
  type Node,
  nodeStatus,
  type PortConfig,
  pressureText,
  replicasOf,
  roleOf,
  type Service,
  type ServiceSpec,
  slotKey,
  stateOf,
  type Task,
  taskStatus,
} from '../../model/index.ts';
import { leftBehindText } from '../../scheduler/index.ts';
import type { ReadView } from '../../store/index.ts';
import { attachmentView, withPrefix } from './attachments.ts';
import { type Published, unservedHere, unservedOn } from './ports-in-use.ts';

/*
 * Stored objects as Docker's API shows them. Specs are shown as they were sent, plus the few fields that
 * Docker always fills in and clients rely on.
 */

/** `published`: of all services. `managerAddr`: where the manager listens for agents. */
export function nodeView(view: ReadView, node: Node, published: Published, managerAddr: string): ApiNode {
  const { ID, Version, CreatedAt, UpdatedAt, Spec, reported } = node;
  const unserved = unservedOn(published, node).map((one) => unservedHere(view, one));
  const message =
    statusMessage(node) ?? ([pressureText(node) ?? [], unserved].flat().join('; ') || undefined);
  const manager = managerStatus(node, managerAddr);
  return {
    ID,
    Version,
    CreatedAt,
    UpdatedAt,
    Spec: {
      ...Spec,
      Labels: Spec.Labels ?? {},
      Role: roleOf(node),
      Availability: Spec.Availability ?? 'active',
    },
    Description: { ...reported.description, ...nodeTls(view, node) },
    Status: { ...nodeStatus(node), ...(message !== undefined && { Message: message }) },
    ...(manager && { ManagerStatus: manager }),
  };
}

/** Docker's TLSInfo of a root. */
export const tlsInfo = ({ certificate, issuer }: Pick<FormerRoot, 'certificate' | 'issuer'>) => ({
  TrustRoot: certificate,
  CertIssuerSubject: issuer.subject,
  CertIssuerPublicKey: issuer.publicKey,
});

/** Of the root whose certificate its agent has shown. */
function nodeTls(view: ReadView, { allotted }: Node): Pick<ApiNode['Description'], 'TLSInfo'> {
  const [trust] = [...view.clusters.all()].map((cluster) => cluster.trust);
  const roots = [trust?.root ?? [], trust?.former ?? []].flat();
  const root = roots.find(({ digest }) => digest === allotted.signedBy);
  return root ? { TLSInfo: tlsInfo(root) } : {};
}

const managerStatus = ({ reported }: Node, managerAddr: string): ApiNode['ManagerStatus'] =>
  reported.runsManager && {
    Leader: true,
    Reachability: 'reachable',
    Addr: managerAddress(managerAddr, reported.address),
  };

/** Why it is not ready, as far as that is known, and what that means for tasks that must run only once. */
export function statusMessage(node: Node): string | undefined {
  const { Message } = nodeStatus(node);
  if (node.judged.leases !== 'unsure') return Message ?? undefined;
  return [Message ?? [], notReplaced('tasks with shoal.isolation=stop are', 'them')].flat().join('; ');
}

const notReplaced = (what: string, whom: string): string =>
  `${what} not replaced, since nobody can have stopped ${whom}: see to the agent, or remove the node`;

export function serviceView(view: ReadView, { shoal, ...service }: Service): ApiService {
  return {
    ...service,
    Spec: specView(service.Spec),
    ...(service.PreviousSpec && { PreviousSpec: specView(service.PreviousSpec) }),
    Endpoint: endpointView(view, service.Spec, shoal),
  };
}

function specView(spec: ServiceSpec): ServiceSpec {
  return {
    ...spec,
    Labels: spec.Labels ?? {},
    TaskTemplate: {
      ...spec.TaskTemplate,
      ForceUpdate: spec.TaskTemplate?.ForceUpdate ?? 0,
      Runtime: 'container',
    },
    Mode: modeView(spec),
    ...(spec.EndpointSpec && { EndpointSpec: endpointSpecView(spec.EndpointSpec) }),
  };
}

function modeView(spec: ServiceSpec): NonNullable<ServiceSpec['Mode']> {
  const { maxConcurrent, totalCompletions } = jobSizeOf(spec);
  switch (modeOf(spec)) {
    case 'global':
      return { Global: {} };
    case 'global-job':
      return { GlobalJob: {} };
    case 'replicated-job':
      return { ReplicatedJob: { MaxConcurrent: maxConcurrent, TotalCompletions: totalCompletions } };
    default:
      return { Replicated: { Replicas: replicasOf(spec) } };
  }
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

/** `waitsFor`: why it is not to start yet. */
export function taskView(view: ReadView, task: Task, waitsFor?: string): ApiTask {
  const { ID, Version, CreatedAt, UpdatedAt, Labels, Spec, ServiceID, Slot, NodeID } = task;
  const { attachments, iteration } = task.shoal;
  const genericResources = task.placement?.genericResources;
  const status = taskStatus(task);
  const orphaned = knownState(task, view.nodes) !== status.State && orphanedStatus(view, task);
  return {
    ID,
    Version,
    CreatedAt,
    UpdatedAt,
    Labels: { ...Labels },
    Spec: { ...Spec, ForceUpdate: Spec.ForceUpdate ?? 0 },
    ServiceID,
    ...(Slot !== undefined && { Slot }),
    ...(NodeID !== undefined && { NodeID }),
    Status: { ...status, ...message(task, status.Message ?? '', waitsFor), ...orphaned },
    DesiredState: desiredStateOf(task),
    ...(iteration !== undefined && { JobIteration: { Index: iteration } }),
    ...(attachments && { NetworksAttachments: attachments.map((one) => attachmentView(view, one)) }),
    ...(genericResources && { GenericResources: [...genericResources] }),
    Volumes: null,
  };
}

/**
 * With the reason, where the manager asked it to stop: `shutdown: rebalanced`. While it lives, with what it should be
 * known to lack: a volume's content that is on another host, limits that its daemon refused.
 */
function message(task: Task, present: string, waitsFor?: string) {
  const { stopReason, refused } = task.shoal;
  const said = [present, stopReason].filter(Boolean).join(': ');
  const left =
    stopReason || isTerminal(stateOf(task)) ? [] : (task.placement?.leftBehind ?? []).map(leftBehindText);
  const limits = refused ? [`its daemon refused new limits: ${refused.why}`] : [];
  const waits = waitsFor === undefined ? [] : [`waiting for ${waitsFor}`];
  const Message = [said, ...waits, ...left, ...limits].filter(Boolean).join('; ');
  return Message && { Message };
}

/** Since when: it was given up right after its node was. */
function orphanedStatus(
  view: ReadView,
  { NodeID = '', UpdatedAt, shoal }: Pick<Task, 'NodeID' | 'UpdatedAt' | 'shoal'>,
) {
  const node = view.nodes.get(NodeID);
  const name = node?.reported.description.Hostname ?? NodeID;
  const { Message } = node ? nodeStatus(node) : {};
  const why = Message ? `: ${Message}` : '';
  const kept = shoal.isolated && node?.judged.leases === 'unsure' ? `; ${notReplaced('it is', 'it')}` : '';
  return { State: 'orphaned', Timestamp: UpdatedAt, Err: `its node ${name} is down${why}${kept}` } as const;
}

/**
 * Swarm's ListServiceStatuses, but for what Swarm goes on to count on nodes that are down. Global services want as many
 * tasks as they have that should run.
 */
export function serviceStatus(view: ReadView, service: Service): NonNullable<ApiService['ServiceStatus']> {
  if (isJob(service.Spec)) return jobStatus(view, service);
  const tasks = view.tasks.by('service', service.ID);
  const wanted = tasks.filter((task) => task.DesiredState === 'running' && !isTerminal(stateOf(task)));
  return {
    RunningTasks: tasks.filter((task) => knownState(task, view.nodes) === 'running').length,
    DesiredTasks: modeOf(service.Spec) === 'global' ? wanted.length : replicasOf(service.Spec),
    CompletedTasks: 0,
  };
}

/** Of a job, what counts is its present run. Desired are as many as may run at once, or the nodes that are not done yet. */
function jobStatus(view: ReadView, service: Service): NonNullable<ApiService['ServiceStatus']> {
  const iteration = iterationOf(service);
  const tasks = view.tasks
    .by('service', service.ID)
    .filter(({ shoal }) => shoal.iteration !== undefined && shoal.iteration === iteration);
  const completed = new Set(tasks.filter((task) => stateOf(task) === 'complete').map(slotKey));
  return {
    RunningTasks: tasks.filter((task) => knownState(task, view.nodes) === 'running').length,
    DesiredTasks: isPerNode(service.Spec)
      ? new Set(tasks.filter((task) => isWanted(task) && !isTerminal(stateOf(task))).map(slotKey)).size
      : jobSizeOf(service.Spec).maxConcurrent,
    CompletedTasks: completed.size,
  };
}
