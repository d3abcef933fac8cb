import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isIngressPort, type Listener } from '../../model/index.ts';
import { idParam, route } from '../docs/index.ts';
import type { ApiDeps } from '../http/index.ts';
import {
  findNode,
  findService,
  publishedPorts,
  unservedHere,
  unservedOn,
  unservedPorts,
  unservedThere,
} from '../objects/index.ts';

const processFields = {
  process: Type.Optional(Type.String({ description: 'Missing where the agent can not see it' })),
  pid: Type.Optional(Type.Integer()),
  service: Type.Optional(
    Type.String({ description: "Id of the service whose container it is, on the host's network" }),
  ),
};
const protocol = Type.Enum(['tcp', 'udp', 'sctp']);

const ofNode = Type.Object({
  node: Type.String(),
  hostname: Type.String(),
  listeners: Type.Array(
    Type.Object({
      protocol,
      port: Type.Integer(),
      ...processFields,
      keeps: Type.Optional(
        Type.String({
          description: 'It holds the port of a service, which this host does not serve; in words',
        }),
      ),
    }),
  ),
});

const ofService = Type.Object({
  service: Type.String(),
  name: Type.String(),
  ports: Type.Array(
    Type.Object({
      protocol,
      published: Type.Integer(),
      target: Type.Integer(),
      notServedBy: Type.Array(
        Type.Object({ node: Type.String(), hostname: Type.String(), ...processFields, says: Type.String() }),
      ),
    }),
    { description: 'Those that every host answers' },
  ),
});

/** What hosts listen on themselves, and what of services they do not serve for that. */
export function listenerRoutes(app: FastifyInstance, { store }: ApiDeps): void {
  app.get<{ Params: { id: string } }>(
    '/shoal/v1/nodes/:id/listeners',
    route({
      tag: 'Shoal',
      summary: 'What listens on a host itself: no service can publish these ports',
      params: idParam,
      answers: [200, ofNode],
      errors: [400, 404],
    }),
    async ({ params }) => {
      const { view } = store;
      const node = findNode(view, params.id);
      const unserved = unservedOn(publishedPorts(view.services.all()), node);
      return {
        node: node.ID,
        hostname: node.reported.description.Hostname ?? '',
        listeners: (node.reported.listeners ?? []).map((listener) => {
          const held = unserved.find((one) => one.listener === listener);
          return {
            protocol: listener.protocol,
            port: listener.port,
            ...processOf(listener),
            ...(held && { keeps: unservedHere(view, held) }),
          };
        }),
      };
    },
  );
  app.get<{ Params: { id: string } }>(
    '/shoal/v1/services/:id/ports',
    route({
      tag: 'Shoal',
      summary:
        "A service's published ports, and the hosts that do not serve them because something else listens there",
      params: idParam,
      answers: [200, ofService],
      errors: [400, 404],
    }),
    async ({ params }) => {
      const { view } = store;
      const service = findService(view, params.id);
      const unserved = unservedPorts(publishedPorts([service]), view.nodes.all());
      return {
        service: service.ID,
        name: service.Spec.Name ?? '',
        ports: (service.shoal.ports ?? []).filter(isIngressPort).map((port) => ({
          protocol: port.Protocol ?? 'tcp',
          published: port.PublishedPort ?? 0,
          target: port.TargetPort ?? 0,
          notServedBy: unserved
            .filter((one) => one.port === port)
            .map((one) => ({
              node: one.node.ID,
              hostname: one.node.reported.description.Hostname ?? '',
              ...processOf(one.listener),
              says: unservedThere(view, one),
            })),
        })),
      };
    },
  );
}

const processOf = ({ process, pid, serviceId }: Listener) => ({
  ...(process && { process }),
  ...(pid !== undefined && { pid }),
  ...(serviceId && { service: serviceId }),
});
