import { containerName } from '@shoal/proto/rules';
import { type Node, type Service, slotOf, type Task } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest, notFound } from '../http/index.ts';

/*
 * Objects are named as Docker resolves them (moby daemon/cluster/helpers.go): by full id, else by exact name,
 * else by a prefix of the id. Unknown → 404, more than one → 400.
 */

/** A service that is being removed is gone for everybody but the loops that remove it. */
export const isVisible = (service: Service | undefined): service is Service =>
  service !== undefined && service.shoal.removing !== true;

export const visibleServices = (view: ReadView): Service[] => [...view.services.all()].filter(isVisible);

export function findService(view: ReadView, given: string): Service {
  const exact = view.services.get(given);
  if (isVisible(exact)) return exact;
  const named = view.services.by('name', given).filter(isVisible);
  return only('service', given, named, () => visibleServices(view));
}

export function findNode(view: ReadView, given: string): Node {
  const exact = view.nodes.get(given);
  if (exact) return exact;
  return only('node', given, view.nodes.by('hostname', given), () => view.nodes.all());
}

export function findTask(view: ReadView, given: string): Task {
  const exact = view.tasks.get(given);
  if (exact) return exact;
  const named = [...view.tasks.all()].filter((task) => taskName(view, task) === given);
  return only('task', given, named, () => view.tasks.all());
}

/** `web.3.TASKID`, or `web.NODEID.TASKID` for a global service (swarmkit api/naming). */
export const taskName = (view: ReadView, task: Task): string =>
  containerName(view.services.get(task.ServiceID)?.Spec.Name ?? '', slotOf(task), task.ID);

/** The one that is named so, or whose id begins so. Throws 404 for none, 400 for several. */
export function only<T extends { readonly ID: string }>(
  kind: string,
  given: string,
  named: readonly T[],
  all: () => Iterable<T>,
): T {
  const hits = given === '' || named.length > 0 ? named : [...all()].filter(({ ID }) => ID.startsWith(given));
  const [hit] = hits;
  if (!hit) throw notFound(kind, given);
  if (hits.length > 1) throw badRequest(`${kind} ${given} is ambiguous (${hits.length} matches found)`);
  return hit;
}
