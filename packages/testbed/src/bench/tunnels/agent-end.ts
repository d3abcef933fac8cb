import { setTimeout as sleep } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Assignments } from '../../../../agent/src/assignments/index.ts';
import { passOn } from '../../../../agent/src/docker/pass-on.ts';
import { Identity, secureOptions } from '../../../../agent/src/identity/index.ts';
import { makeKeyAndRequest } from '../../../../agent/src/identity/testing.ts';
import { ManagerLink } from '../../../../agent/src/session/index.ts';
import { Tunnels } from '../../../../agent/src/tunnels/index.ts';
import { NodeFacts, protocolVersion } from '../../../../proto/src/index.ts';
import { timingFor } from '../../../../proto/src/rules/index.ts';
import { uploadBare } from './bare.ts';
import { answerParent, cpuSeconds } from './talk.ts';

/** Agents with their real sessions and tunnels, and nothing else. */
const clock = () => performance.timeOrigin + performance.now();
let roundTrips: number[] = [];
const identities: Identity[] = [];

function connect(index: number, manager: string, joinToken: string, socket: string): Promise<void> {
  return new Promise((resolve) => {
    const log = pino({ level: 'silent' });
    const facts = NodeFacts.fromPartial({ hostname: `bench${index}`, address: '127.0.0.1' });
    let lease = timingFor(1).leaseMs;
    const identity = new Identity({
      kept: undefined,
      keep: async () => undefined,
      manager: () => manager,
      joinToken: async () => joinToken,
      facts: () => facts,
      makeKey: makeKeyAndRequest,
      onRenewed: () => link.renew(),
      random: Math.random,
      log,
    });
    identities.push(identity);
    const link = new ManagerLink({
      manager: () => manager,
      credentials: () => identity.credentials(),
      hello: () => ({ protocol: protocolVersion, facts }),
      statuses: () => [],
      clock,
      // A lease begins when what was answered was sent.
      onLease: (until) => roundTrips.push(clock() - (until - lease)),
      onAlone: () => undefined,
      onAccepted: () => undefined,
      onTrust: (trust) => identity.trust(trust),
      onWelcome: async ({ timing }) => {
        lease = timing?.leaseMs ?? lease;
        resolve();
      },
      assignments: new Assignments(),
      onAssignments: async () => undefined,
      answer: async ({ id }) => ({ id, outcome: { $case: 'error', value: { status: 501, message: '' } } }),
      tunnels: new Tunnels({
        manager: () => manager,
        credentials: () => identity.presentCredentials,
        daemon: (request, body, signal) => passOn(socket, request, body, signal),
      }),
      random: Math.random,
      log,
    });
    link.open();
  });
}

const handlers = {
  cpu: () => cpuSeconds(),
  connect: (given: { count: number; port: number; joinToken: string; socket: string }) =>
    Promise.all(
      Array.from({ length: given.count }, (_, index) =>
        connect(index, `127.0.0.1:${given.port}`, given.joinToken, given.socket),
      ),
    ),
  /** How long the manager's answer to each beat takes, ms. */
  beats: async ({ ms }: { ms: number }): Promise<number[]> => {
    roundTrips = [];
    await sleep(ms);
    return roundTrips;
  },
  /** Without anything of ours; encrypted with a host's certificate, or in the clear. */
  bare: ({ port, secure, size, ms }: { port: number; secure: boolean; size: number; ms: number }) => {
    const own = secure ? identities[0]?.presentCredentials : undefined;
    const way = { port, credentials: own ?? credentials.createInsecure(), options: secureOptions };
    return uploadBare(way, size, ms);
  },
};
export type AgentEnd = typeof handlers;
answerParent(handlers);
