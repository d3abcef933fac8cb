import { hostname, networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import { AgentServer } from '../agents/index.ts';
import { allocatorLoop, neededPortConflicts, prepareNetworks } from '../allocator/index.ts';
import { type Api, apiNames, buildApi, parseAddress } from '../api/index.ts';
import type { AuditLog } from '../audit/index.ts';
import { makeBackup } from '../backup/index.ts';
import { type Config, portsOf } from '../config.ts';
import { cronLoop } from '../cron/index.ts';
import { isoTime, steadyTime } from '../effects.ts';
import { recordEvents } from '../events/index.ts';
import { hold } from '../hold/index.ts';
import { newId } from '../ids.ts';
import { type Ask, explain, memoryUse } from '../insight/index.ts';
import { startLiveness } from '../liveness/index.ts';
import { sealingIn } from '../model/index.ts';
import { preemptionLoop, rebalanceLoop, reliefLoop } from '../moves/index.ts';
import { schedulerLoop } from '../scheduler/index.ts';
import { orchestratorLoop } from '../services/index.ts';
import { type Backend, type Ended, Store } from '../store/index.ts';
import { type ApiCertificate, Authority, apiCertificate, rotationLoop, type Vault } from '../trust/index.ts';
import { version } from '../version.ts';
import { beginTerm } from './term.ts';

/** One term: all that a manager has and does only while it leads. */
export interface Leading {
  readonly term: number;
  readonly api: Api;
  /** What the API shows over TLS, and who signs its clients' certificates; ask again for a renewed one. */
  readonly certificate: () => Promise<ApiCertificate>;
  /**
   * Resolves when it leads no more. Then it has to be closed at once. **settled**: it was on hold, after a restore, and the next
   * term is as any other.
   */
  readonly ended: Promise<Ended | 'settled'>;
  /** From the call on no agent hears anything of this term, and nothing is decided. Resolves when the backend is free. */
  close(): Promise<void>;
}

export interface LeadOptions extends Pick<Config, 'stateDir' | 'api' | 'agentListen' | 'tlsNames' | 'tls'> {
  readonly log: Logger;
  readonly audit: AuditLog;
  readonly vault: Vault;
}

/**
 * Loads the state and leads on it. Rejects when it can't be read or written, or the agents' port is taken, and with Locked where an
 * unlock key is needed; the backend is closed then.
 */
export async function lead(backend: Backend, options: LeadOptions): Promise<Leading> {
  const store = await Store.open(backend, steadyTime, recordEvents).catch(async (error) => {
    await backend.close();
    throw error;
  });
  try {
    return await startTerm(store, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function startTerm(store: Store, options: LeadOptions): Promise<Leading> {
  const { agentListen, log, vault } = options;
  const [clock, ids] = [steadyTime, newId];
  const logOf = (component: string) => log.child({ component });
  // Certificates go by the time of day, as TLS does.
  const authority = new Authority({ vault, clock: Date.now });
  const term = await beginTerm(store, {
    clock,
    ids,
    vault,
    newTrust: (cluster) => authority.begin(cluster),
    managerPorts: portsOf(options),
  });
  const [cluster] = store.view.clusters.all();
  const restored = cluster?.restored;
  await prepareNetworks(store);
  for (const trouble of neededPortConflicts(store.view)) log.warn(trouble);

  const ask: Ask = (...question) => agents.ask(...question);
  // First, since it takes a while in which nobody could be heard.
  const api = await buildApi({
    store,
    clock,
    timeOfDay: Date.now,
    ids,
    authority,
    vault,
    audit: options.audit,
    log: logOf('api'),
    queries: {
      distribution: (image, auth) => agents.distribution(image, auth),
      ask,
      tunnel: (nodeId, request, withinMs, signal) => agents.tunnel(nodeId, request, withinMs, signal),
    },
    liveness: (node) => liveness.report(node),
    explain: (view, task) => explain(view, task, clock()),
    backup: (passphrase) =>
      makeBackup({
        ...{ store, passphrase, stateDir: options.stateDir, release: version },
        opener: () => vault.opener(sealingIn(store.view)),
        settings: settingsOf(options),
        madeAt: isoTime(Date.now()),
      }),
    held: () => held?.look(),
    about: { version, managerAddr: agentListen },
  });
  const liveness = startLiveness(store, {
    clock,
    steady: () => performance.now(),
    log: logOf('liveness'),
    ask,
    onSilent: (nodeId, silent) => agents.setSilent(nodeId, silent),
    onTiming: () => agents.tellTiming(),
  });
  const agents: AgentServer = new AgentServer(store, {
    clock,
    ids,
    random: Math.random,
    authority,
    vault,
    managerId: ids(),
    log: logOf('agents'),
    liveness,
    hold: restored !== undefined,
  });
  const held = restored && hold(store, restored, { ask, log: logOf('hold') });
  const loops = held ? [held] : loopsOf(store, ask, logOf);
  const end = async () => {
    // Sessions that this process ends itself are no news about their nodes.
    liveness.close();
    await Promise.all([agents, ...loops, api].map((part) => part.close()));
    await store.close();
  };
  let ended: Promise<void> | undefined;
  const close = () => {
    ended ??= end();
    return ended;
  };
  try {
    await agents.listen(agentListen);
  } catch (error) {
    await close();
    throw error;
  }
  const certificate = apiCertificate(store.view, authority, {
    at: apiNames(hostname(), networkInterfaces(), options.tlsNames),
    clock: Date.now,
    random: Math.random,
  });
  const settled = held?.over.then(() => 'settled' as const);
  return { term, api, certificate, ended: Promise.race([store.ended, ...(settled ? [settled] : [])]), close };
}

/** All that changes what the cluster does. */
function loopsOf(store: Store, ask: Ask, logOf: (component: string) => Logger) {
  const [clock, ids] = [steadyTime, newId];
  return [
    schedulerLoop(store, { clock, log: logOf('scheduler') }),
    allocatorLoop(store, { clock, log: logOf('allocator') }),
    orchestratorLoop(store, { clock, ids, log: logOf('orchestrator') }),
    preemptionLoop(store, { clock, log: logOf('preemptor') }),
    cronLoop(store, { clock, timeOfDay: Date.now, log: logOf('cron') }),
    rebalanceLoop(store, { clock, ids, log: logOf('rebalancer') }),
    reliefLoop(store, {
      clock,
      ids,
      log: logOf('reliever'),
      memory: (nodeId) => memoryUse(ask, nodeId),
    }),
    rotationLoop(store, { clock, log: logOf('trust') }),
  ];
}

/** What another manager would serve as this one does. Its socket is everywhere. */
const settingsOf = ({ api, tlsNames, tls }: LeadOptions) => ({
  api: api.filter((address) => parseAddress(address).door !== 'socket'),
  tlsNames,
  ownTls: tls.server !== undefined || tls.ca !== undefined,
});
