import {
  allowPrivilegedLabel,
  allowsPrivileged,
  type ClosedNetwork,
  isReady,
  nodeState,
  pressureText,
  restLeftMs,
  volumeLabel,
} from '../../model/index.ts';
import { nodeMatches } from '../constraints.ts';
import { type Demand, newerAgentProtocol } from '../demand.ts';
import { knowsField, needsText } from '../docker-version.ts';
import { countNodes, missingConstraints, missingFields } from '../missing.ts';
import { platformMatches } from '../platform.ts';
import type { NodeFilter } from './filter.ts';

/** Filters that ask for what a node is, whatever runs on it. */

export const assignedNode: NodeFilter = {
  name: 'assignedNode',
  applies: (demand) => demand.nodeId !== undefined,
  passes: (demand, { node }) => demand.nodeId === undefined || demand.nodeId === node.ID,
  why: (demand) => `the task belongs to node ${demand.nodeId ?? ''}`,
  summary: (nodes) => `task belongs to another node on ${countNodes(nodes)}`,
};

/** What a slot wrote to its local volumes is on the node where its tasks ran. */
export const volumes: NodeFilter = {
  name: 'volumes',
  applies: (demand) => demand.volumes.length > 0,
  passes: (demand, { node }) => demand.volumes.every(({ nodeId }) => nodeId === node.ID),
  why: (demand, { node }) =>
    demand.volumes
      .filter(({ nodeId }) => nodeId !== node.ID)
      .map(({ volume, host }) => `volume ${volume} is on ${host}`)
      .join(', '),
  summary: (nodes) => `its volume is not on ${countNodes(nodes)}`,
  missing: (demand) => ({
    names: demand.volumes.map(({ volume, host }) => `${volume} on ${host}`),
    text: `${demand.volumes.map(({ volume, host }) => `${volume} is on ${host}`).join(', ')}, and would begin empty elsewhere (label ${volumeLabel}=new allows that)`,
  }),
};

export const readiness: NodeFilter = {
  name: 'readiness',
  applies: () => true,
  passes: (_, { node }) => isReady(node),
  why: (_, { node }) => `the node is ${nodeState(node)}`,
  summary: (nodes) => `${countNodes(nodes)} not ready`,
};

export const availability: NodeFilter = {
  name: 'availability',
  applies: () => true,
  passes: (_, { node }) => (node.Spec.Availability ?? 'active') === 'active',
  why: (_, { node }) => `the node's availability is ${node.Spec.Availability ?? ''}`,
  summary: (nodes) => `${countNodes(nodes)} drained or paused`,
};

/** Global services run on every node whatever it is like, as Kubernetes' DaemonSets do. */
export const pressure: NodeFilter = {
  name: 'pressure',
  applies: (demand) => !demand.global,
  passes: (_, { node }) => node.reported.pressures === undefined,
  why: (_, { node }) => pressureText(node) ?? '',
  summary: (nodes) => `host under pressure on ${countNodes(nodes)}`,
};

/** A host keeps off networks that would take its own way to the manager, to names or to the world. */
export const networks: NodeFilter = {
  name: 'networks',
  applies: (demand) => demand.networks.length > 0,
  passes: (demand, { node }) =>
    node.allotted.closedTo === undefined || !node.allotted.closedTo.some((each) => joins(demand, each)),
  why: (demand, { node }) => node.allotted.closedTo?.find((each) => joins(demand, each))?.why ?? '',
  summary: (nodes) => `network covers addresses that the host needs on ${countNodes(nodes)}`,
};

const joins = ({ networks }: Demand, { networkId }: ClosedNetwork): boolean => networks.includes(networkId);

export const flapping: NodeFilter = {
  name: 'flapping',
  applies: () => true,
  passes: (_, { node, now }) => restLeftMs(node, now) === 0,
  why: (_, { node, now }) =>
    `the node went down ${node.flapping?.falls} times in a row: no new tasks for ${Math.ceil(restLeftMs(node, now) / 1_000)} s`,
  summary: (nodes) => `${countNodes(nodes)} came back only now from going down again and again`,
};

export const constraints: NodeFilter = {
  name: 'constraints',
  applies: (demand) => demand.constraints?.length !== 0,
  passes: (demand, { node }) => demand.constraints !== undefined && nodeMatches(node, demand.constraints),
  why: (demand, { node }) => {
    if (!demand.constraints) return 'the constraints cannot be understood';
    const broken = demand.constraints.filter(({ holds }) => !holds(node));
    return `not satisfied: ${broken.map(({ text }) => text).join(', ')}`;
  },
  summary: (nodes) => `scheduling constraints not satisfied on ${countNodes(nodes)}`,
  missing: missingConstraints,
};

export const platform: NodeFilter = {
  name: 'platform',
  applies: (demand) => demand.platforms.length > 0,
  passes: (demand, { node }) => platformMatches(node, demand.platforms),
  why: (demand, { node }) => {
    const { OS, Architecture } = node.reported.description.Platform ?? {};
    return `the node is ${OS || 'unknown'}/${Architecture || 'unknown'}, the image is for ${wanted(demand).join(', ')}`;
  },
  summary: (nodes) => `unsupported platform on ${countNodes(nodes)}`,
  missing: (demand) => ({ names: wanted(demand), text: `the image is for ${wanted(demand).join(', ')}` }),
};

/** People say of a host whether a task may have all of it. */
export const hostAccess: NodeFilter = {
  name: 'hostAccess',
  applies: (demand) => demand.hostAccess,
  passes: (_, { node }) => allowsPrivileged(node.Spec.Labels),
  why: () => `the node has no label ${allowPrivilegedLabel}=on`,
  summary: (nodes) => `${countNodes(nodes)} without label ${allowPrivilegedLabel}=on`,
};

/** Older daemons would refuse the container, or leave out what they don't know in silence. */
export const dockerVersion: NodeFilter = {
  name: 'dockerVersion',
  applies: (demand) => demand.newerFields.length > 0,
  passes: (demand, { node }) => demand.newerFields.every((field) => knowsField(node, field)),
  why: (demand, { node }) => {
    const unknown = demand.newerFields.filter((field) => !knowsField(node, field));
    return `the node has Docker ${node.reported.description.Engine?.EngineVersion}: ${unknown.map(needsText).join(', ')}`;
  },
  summary: (nodes) => `Docker is too old on ${countNodes(nodes)}`,
  missing: missingFields,
};

/** Agents of the release before leave out what they do not know, so the task would run without it. */
export const agentRelease: NodeFilter = {
  name: 'agentRelease',
  applies: (demand) => demand.newerAgent.length > 0,
  // One that has not come yet since managers remember it may be of either release; it says so when it comes.
  passes: (_, { node }) => (node.reported.protocol ?? 0) >= newerAgentProtocol,
  why: (demand) =>
    `the node's agent is of the release before, which has no ${demand.newerAgent.join(', ')}: \`shoal upgrade\` there`,
  summary: (nodes) => `Shoal is too old on ${countNodes(nodes)}`,
};

const wanted = ({ platforms }: Demand): string[] =>
  platforms.map(({ OS, Architecture }) => `${OS || 'any'}/${Architecture || 'any'}`);
