import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isObject } from '../../field-path.ts';
import {
  type Cluster,
  clusterLabelTrouble,
  isAutolocked,
  SwarmSpec,
  UnlockRequest,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { sealAgain } from '../../trust/index.ts';
import { refuseUnknownLabels } from '../checks/index.ts';
import { anything, nothing, query, route } from '../docs/index.ts';
import {
  type ApiDeps,
  ApiError,
  badRequest,
  outOfSequence,
  parseBool,
  parseVersion,
  rpcError,
} from '../http/index.ts';
import { clusterInfo, clusterOf, clusterSpec } from './cluster-info.ts';
import { askedForTokens } from './join-words.ts';
import { rotationWaits } from './rotation.ts';

const tag = 'System';
/** As Swarm's. */
const shortestExpiryNs = 60 * 60 * 1e9;
const longestExpiryNs = 20 * 365 * 24 * 60 * 60 * 1e9;
const settable = [
  'Labels',
  'Orchestration.TaskHistoryRetentionLimit',
  'CAConfig.NodeCertExpiry',
  'CAConfig.ForceRotate',
  'EncryptionConfig.AutoLockManagers',
];

interface Rotations {
  readonly version?: string;
  readonly rotateWorkerToken?: string;
  readonly rotateManagerToken?: string;
  readonly rotateManagerUnlockKey?: string;
}

/** `GET /swarm` */
export function swarmView(view: ReadView, { authority }: Pick<ApiDeps, 'authority'>) {
  const cluster = clusterOf(view);
  const token = (role: 'worker' | 'manager') => authority.joinToken(cluster.trust, role);
  return { ...clusterInfo(cluster), JoinTokens: { Worker: token('worker'), Manager: token('manager') } };
}

export function swarmRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { store, authority, vault } = deps;
  app.get(
    '/swarm',
    route({
      tag,
      summary: 'The cluster and its join tokens',
      answers: [200, anything('The cluster')],
      errors: [503],
    }),
    async (request, reply) => {
      reply.header('Cache-Control', 'no-store');
      askedForTokens(request);
      return swarmView(store.view, deps);
    },
  );
  app.post<{ Querystring: Rotations; Body: SwarmSpec }>(
    '/swarm/update',
    route({
      tag,
      summary:
        'Change labels, and how long certificates and ended tasks are kept; turn autolock on or off; rotate join tokens, the unlock key or the root certificate',
      description: `Of the spec these can be changed: ${settable.join(', ')}. Another ForceRotate than before begins to rotate the root: both roots are trusted until all nodes have new certificates. Label shoal.encrypt=on: overlay networks made from now on are encrypted unless their option encrypted is false.`,
      query: query({
        version: 'Version.Index of the cluster that was changed',
        rotateWorkerToken: 'true: the present token for workers counts no more',
        rotateManagerToken: 'true: the present token for managers counts no more',
        rotateManagerUnlockKey: 'true: the present unlock key counts no more',
      }),
      body: SwarmSpec,
      answers: [200, nothing],
      errors: [400, 503],
    }),
    async ({ query: asked, body }, reply) => {
      const version = parseVersion('swarm', asked.version);
      const cluster = clusterOf(store.view);
      refuseOtherChanges(body, clusterSpec(cluster));
      const { Labels, Orchestration, CAConfig } = body;
      checkLabels(Labels, cluster.Labels);
      const autolock = newAutolock(cluster, body, asked);
      const nodeCertExpiryMs = expiryMs(CAConfig?.NodeCertExpiry ?? 0, cluster);
      const forceRotate = CAConfig?.ForceRotate ?? 0;
      const root = forceRotate === cluster.trust.forceRotate ? {} : await rotated(store.view, cluster, deps);
      const { joinSecrets } = cluster.trust;
      const secretFor = (role: 'worker' | 'manager', rotate: boolean) =>
        rotate ? authority.newJoinSecret(cluster, role) : joinSecrets[role];
      const worker = secretFor('worker', parseBool('rotateWorkerToken', asked.rotateWorkerToken));
      const manager = secretFor('manager', parseBool('rotateManagerToken', asked.rotateManagerToken));
      const sealing = autolock === undefined ? undefined : vault.renew(autolock);
      await store.update((tx) => {
        const now = clusterOf(tx);
        if (now.Version.Index !== version) throw outOfSequence();
        tx.clusters.update({
          ...now,
          ...(Labels && { Labels }),
          TaskHistoryRetentionLimit:
            Orchestration?.TaskHistoryRetentionLimit ?? now.TaskHistoryRetentionLimit,
          trust: { ...now.trust, ...root, nodeCertExpiryMs, forceRotate, joinSecrets: { worker, manager } },
        });
        if (sealing) sealAgain(tx, sealing, vault);
      }, 'people');
      // What opened it before is no longer needed.
      if (sealing) {
        vault.open(sealing);
        await store.purge();
      }
      return reply.send();
    },
  );
  app.get(
    '/swarm/unlockkey',
    route({
      tag,
      summary: 'What unlocks a manager after its start; empty while autolock is off',
      answers: [200, Type.Object({ UnlockKey: Type.String() })],
      errors: [503],
    }),
    async (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
      return { UnlockKey: vault.unlockKey(clusterOf(store.view).sealing) };
    },
  );
  app.post(
    '/swarm/unlock',
    route({
      tag,
      summary: 'Unlock a manager that was started with autolock on',
      body: UnlockRequest,
      answers: [200, nothing],
      errors: [401, 409],
    }),
    async () => {
      throw new ApiError(409, 'swarm is not locked');
    },
  );
}

/** Whether it shall be on from now on; undefined where neither that nor the unlock key changes. */
function newAutolock({ sealing }: Cluster, { EncryptionConfig }: SwarmSpec, asked: Rotations) {
  const is = isAutolocked(sealing);
  const shall = EncryptionConfig?.AutoLockManagers ?? is;
  const rotate = parseBool('rotateManagerUnlockKey', asked.rotateManagerUnlockKey);
  if (rotate && !shall) throw badRequest('rotateManagerUnlockKey: autolock is off, so there is no key');
  return rotate || shall !== is ? shall : undefined;
}

async function rotated(view: ReadView, cluster: Cluster, { authority }: ApiDeps) {
  const waits = rotationWaits(cluster, view);
  if (waits !== undefined)
    throw rpcError('FailedPrecondition', `the rotation before this one is under way still: ${waits}`);
  return authority.rotate(cluster);
}

function expiryMs(ns: number, { trust }: Cluster): number {
  if (ns === 0) return trust.nodeCertExpiryMs;
  if (ns < shortestExpiryNs || ns > longestExpiryNs)
    throw badRequest(`CAConfig.NodeCertExpiry: ${ns / 1e9} s; it takes from 1 h to 20 years`);
  return Math.round(ns / 1e6);
}

function checkLabels(sent: SwarmSpec['Labels'], present: Cluster['Labels']): void {
  refuseUnknownLabels('cluster', sent, present);
  const trouble = clusterLabelTrouble(sent);
  if (trouble !== undefined) throw badRequest(trouble);
}

/** Throws 400 for what differs and can't. Clients send the whole spec, with zeros for what they know nothing of. */
function refuseOtherChanges(sent: SwarmSpec, present: object): void {
  const before = new Map(leaves(present));
  for (const [path, value] of leaves(sent)) {
    const isZero = value === null || value === '' || value === 0 || value === false;
    const isSettable = settable.some((each) => path === each || path.startsWith(`${each}.`));
    if (isZero || isSettable || before.get(path) === value) continue;
    const inPlace = before.get(path);
    throw badRequest(
      `${path}: can't be changed${inPlace === undefined ? ', Shoal has nothing like it' : `, it is ${inPlace}`}`,
    );
  }
}

function leaves(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const path = prefix + key;
    if (isObject(inner) || Array.isArray(inner)) return leaves(inner, `${path}.`);
    return [[path, inner]];
  });
}
