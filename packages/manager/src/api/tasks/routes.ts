import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import {
  ApiTask,
  desiredStateOf,
  iterationOf,
  type Service,
  type Task,
  taskStates,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { filtersParam, idParam, query, route } from '../docs/index.ts';
import {
  type ApiDeps,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  oneOfFilter,
  parseFilters,
} from '../http/index.ts';
import { findNode, findService, findTask, taskName, taskView } from '../objects/index.ts';
import { heldBack } from './held-back.ts';

const tag = 'Tasks';
// `_up-to-date` is how docker's progress display tells new tasks from those an update still has to replace.
const filterKeys = ['_up-to-date', 'desired-state', 'id', 'label', 'name', 'node', 'runtime', 'service'];

export function taskRoutes(app: FastifyInstance, { store, clock, explain }: ApiDeps): void {
  const show = (tasks: Task[]) => {
    const waits = heldBack(store.view, tasks, clock());
    return tasks.map((task) => taskView(store.view, task, waits.get(task.ID)));
  };
  app.get<{ Querystring: { filters?: string } }>(
    '/tasks',
    route({
      tag,
      summary: 'All tasks',
      query: query({ filters: filtersParam(filterKeys) }),
      answers: [200, Type.Array(ApiTask)],
      errors: [400, 404],
    }),
    async ({ query: { filters } }) => show(listTasks(store.view, parseFilters(filters, filterKeys))),
  );
  app.get<{ Params: { id: string } }>(
    '/tasks/:id',
    route({ tag, summary: 'One task', params: idParam, answers: [200, ApiTask], errors: [400, 404] }),
    async ({ params }) => show([findTask(store.view, params.id)])[0],
  );
  app.get<{ Params: { id: string } }>(
    '/shoal/v1/tasks/:id/explain',
    route({
      tag: 'Shoal',
      summary: 'Why a task is on its node, or on none, or not started yet',
      params: idParam,
      answers: [200, Type.Object({}, { description: 'Reasons and scores, each with its name' })],
      errors: [400, 404],
    }),
    async ({ params }) => explain(store.view, findTask(store.view, params.id)),
  );
}

/** Services and nodes in filters may be given by name, as anywhere else; unknown ones answer 404. */
function listTasks(view: ReadView, filters: Filters): Task[] {
  const services = filters.get('service')?.map((given) => findService(view, given).ID);
  const nodes = filters.get('node')?.map((given) => findNode(view, given).ID);
  const desired = oneOfFilter(filters, 'desired-state', taskStates);
  const upToDate = filters.has('_up-to-date');
  return fewestOf(view, services, nodes)
    .filter((task) => {
      const service = view.services.get(task.ServiceID);
      return (
        (services?.includes(task.ServiceID) ?? true) &&
        (nodes?.includes(task.NodeID ?? '') ?? true) &&
        matchesPrefix(filters, 'id', task.ID) &&
        (!filters.has('name') || matchesPrefix(filters, 'name', taskName(view, task))) &&
        matchesLabels(filters, 'label', service?.Spec.Labels) &&
        matchesExactly(filters, 'runtime', 'container') &&
        (desired.length === 0 || (desired as string[]).includes(desiredStateOf(task))) &&
        (!upToDate || (service !== undefined && isUpToDate(service, task)))
      );
    })
    .toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
}

/** Of a job, what belongs to its present run. */
const isUpToDate = (service: Service, { shoal }: Task): boolean =>
  service.shoal.specVersion === shoal.specVersion && iterationOf(service) === shoal.iteration;

/** The smallest set that an index gives. */
function fewestOf(
  view: ReadView,
  services: readonly string[] | undefined,
  nodes: readonly string[] | undefined,
): Task[] {
  if (services) return [...new Set(services)].flatMap((id) => view.tasks.by('service', id));
  if (nodes) return [...new Set(nodes)].flatMap((id) => view.tasks.by('node', id));
  return [...view.tasks.all()];
}
