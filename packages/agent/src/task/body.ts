import type { Assignment, CreateBody, Port } from '@shoal/proto';

/** What the agent reads in the body from which a task's container is made. */

/** Docker's default. */
const defaultStopTimeoutSeconds = 10;

/** Assignments never change in place: each body is parsed once. */
const bodies = new WeakMap<Assignment, CreateBody>();

export function bodyOf(assignment: Assignment): CreateBody {
  let body = bodies.get(assignment);
  if (!body) {
    body = JSON.parse(assignment.createBody) as CreateBody;
    bodies.set(assignment, body);
  }
  return body;
}

/** Time between the stop signal and the kill. */
export const stopTimeoutMs = ({ StopTimeout = defaultStopTimeoutSeconds }: Pick<CreateBody, 'StopTimeout'>) =>
  StopTimeout * 1_000;

/** Ports that are published on the host itself; with 0 the daemon picks one. */
export const portsOf = ({ HostConfig }: CreateBody): Port[] =>
  Object.entries(HostConfig?.PortBindings ?? {}).flatMap(([key, bindings]) => {
    const [target = '', protocol = 'tcp'] = key.split('/');
    return bindings.map(({ HostPort }) => ({
      protocol,
      target: Number(target),
      published: Number(HostPort),
      name: '',
    }));
  });
