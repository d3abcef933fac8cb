import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type Clock, isoTime } from '../../effects.ts';
import {
  ApiNode,
  isDown,
  isTerminal,
  type Node,
  NodeSpec,
  nodeLabelTrouble,
  roleOf,
  sawSpec,
  stateOf,
} from '../../model/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import { refuseUnknownLabels } from '../checks/index.ts';
import { filtersParam, idParam, nothing, query, route } from '../docs/index.ts';
import {
  type ApiDeps,
  badRequest,
  type Filters,
  isTrue,
  matchesLabels,
  matchesPrefix,
  notFound,
  oneOfFilter,
  outOfSequence,
  parseFilters,
  parseVersion,
  rpcError,
} from '../http/index.ts';
import { findNode, nodeView, publishedPorts } from '../objects/index.ts';
import { clusterOf, withJoinWords } from '../system/index.ts';

const tag = 'Nodes';
const filterKeys = ['id', 'label', 'membership', 'name', 'node.label', 'role'];

interface Of<Query extends string = never> {
  Params: { id: string };
  Querystring: { [key in Query]?: string };
}

export function nodeRoutes(app: FastifyInstance, { store, clock, authority, about }: ApiDeps): void {
  app.get<{ Querystring: { filters?: string } }>(
    '/nodes',
    route({
      tag,
      summary: 'All nodes',
      query: query({ filters: filtersParam(filterKeys) }),
      answers: [200, Type.Array(ApiNode)],
      errors: [400],
    }),
    async ({ query: { filters } }) => {
      const { view } = store;
      const published = publishedPorts(view.services.all());
      return listNodes(view, parseFilters(filters, filterKeys)).map((node) =>
        nodeView(view, node, published, about.managerAddr),
      );
    },
  );
  app.get<Of>(
    '/nodes/:id',
    route({ tag, summary: 'One node', params: idParam, answers: [200, ApiNode], errors: [400, 404] }),
    async (request) => {
      const { view } = store;
      const found = findNode(view, request.params.id);
      const node = nodeView(view, found, publishedPorts(view.services.all()), about.managerAddr);
      return withJoinWords(request, node, () => authority.joinToken(clusterOf(view).trust, 'worker'));
    },
  );
  app.post<Of<'version'> & { Body: NodeSpec }>(
    '/nodes/:id/update',
    route({
      tag,
      summary: "Change a node's availability, labels or name",
      description: 'The spec replaces the present one as a whole. A role can not be changed yet.',
      params: idParam,
      query: query({ version: 'Version.Index of the node that was changed' }),
      body: NodeSpec,
      answers: [200, nothing],
      errors: [400, 404],
    }),
    async ({ params, query: { version }, body }, reply) => {
      const index = parseVersion('node', version);
      const { ID } = findNode(store.view, params.id);
      await store.update((tx) => updateNode(tx, ID, index, body), 'people');
      return reply.send();
    },
  );
  app.delete<Of<'force'>>(
    '/nodes/:id',
    route({
      tag,
      summary: 'Forget a node',
      description: 'Its tasks are replaced on other nodes. That of the manager itself is refused.',
      params: idParam,
      query: query({ force: '1: also when the node is not down' }),
      answers: [200, nothing],
      errors: [400, 404],
    }),
    async ({ params, query: { force } }, reply) => {
      const { ID } = findNode(store.view, params.id);
      await store.update((tx) => removeNode(tx, ID, isTrue(force), clock), 'people');
      return reply.send();
    },
  );
}

function listNodes(view: ReadView, filters: Filters): Node[] {
  const roles = oneOfFilter(filters, 'role', ['worker', 'manager']);
  const memberships = oneOfFilter(filters, 'membership', ['pending', 'accepted']);
  return [...view.nodes.all()]
    .filter(
      (node) =>
        matchesPrefix(filters, 'name', node.reported.description.Hostname ?? '') &&
        matchesPrefix(filters, 'id', node.ID) &&
        matchesLabels(filters, 'label', node.reported.description.Engine?.Labels) &&
        matchesLabels(filters, 'node.label', node.Spec.Labels) &&
        (roles.length === 0 || roles.includes(roleOf(node))) &&
        (memberships.length === 0 || memberships.includes('accepted')),
    )
    .toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
}

function updateNode(tx: Tx, id: string, version: number, spec: NodeSpec): void {
  const node = tx.nodes.get(id);
  if (!node) throw notFound('node', id);
  if (!spec.Role) throw badRequest('invalid Role: "" (it must be worker or manager)');
  if (!spec.Availability) throw badRequest('invalid Availability: "" (it must be active, pause or drain)');
  if (spec.Role !== roleOf(node)) {
    throw badRequest(
      'Role: a cluster has one manager, on the host of `shoal init`; only `shoal restore` on another host makes that one the manager',
    );
  }
  refuseUnknownLabels('node', spec.Labels, node.Spec.Labels);
  const trouble = nodeLabelTrouble(spec.Labels);
  if (trouble !== undefined) throw badRequest(trouble);
  if (!sawSpec(version, node.Version, node)) throw outOfSequence();
  tx.nodes.update({ ...node, Spec: spec, replacedIndex: node.Version.Index });
}

/**
 * Swarm refuses it too, by force or not, until the node is no manager any more. Here only its agent says which it is: when
 * the manager has moved and the host is gone, nobody takes that back, and force is the way out.
 */
function refuseManager(node: Node, force: boolean): void {
  if (!node.reported.runsManager || (force && isDown(node))) return;
  const begin = `node ${node.ID} is a cluster manager and can't be removed: its host runs this manager.`;
  const way = isDown(node)
    ? 'If the manager runs elsewhere by now, remove it by force'
    : 'To keep tasks off it, set its availability to drain';
  throw rpcError('FailedPrecondition', `${begin} ${way}`);
}

/** The tasks of a node that is gone can report no more: they end here (swarmkit controlapi/node.go). */
function removeNode(tx: Tx, id: string, force: boolean, clock: Clock): void {
  const node = tx.nodes.get(id);
  if (!node) throw notFound('node', id);
  refuseManager(node, force);
  if (!force && !isDown(node)) {
    throw rpcError('FailedPrecondition', `node ${id} is not down and can't be removed`);
  }
  for (const task of tx.tasks.by('node', id)) {
    if (isTerminal(stateOf(task))) continue;
    tx.tasks.update({ ...task, nodeRemovedAt: isoTime(clock()) });
  }
  tx.nodes.remove(id);
}
