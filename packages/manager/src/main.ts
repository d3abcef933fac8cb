import { chmodSync, mkdirSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { pino } from 'pino';
import { AgentServer } from './agents/index.ts';
import { allocatorLoop, neededPortConflicts, prepareNetworks } from './allocator/index.ts';
import { apiNames, buildApi, listen, readTls } from './api/index.ts';
import { AuditLog } from './audit/index.ts';
import { portsOf, readConfig, usage } from './config.ts';
import { steadyTime } from './effects.ts';
import { newId } from './ids.ts';
import { explain, memoryUse } from './insight/index.ts';
import { beginTerm } from './leadership/index.ts';
import { startLiveness } from './liveness/index.ts';
import { rebalanceLoop, reliefLoop } from './moves/index.ts';
import { schedulerLoop } from './scheduler/index.ts';
import { readSealingKey } from './sealing-key.ts';
import { orchestratorLoop } from './services/index.ts';
import { sqliteBackend } from './store/backends/index.ts';
import { Store } from './store/index.ts';
import { Authority, apiCertificate, rotationLoop } from './trust/index.ts';
import { version } from './version.ts';

const config = (() => {
  try {
    return readConfig(process.argv.slice(2));
  } catch (error) {
    console.error(`shoal-manager: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(125);
  }
})();
if (config === 'help') {
  console.log(usage);
  process.exit(0);
}

const log = pino({ name: 'shoal-manager', level: config.logLevel });
const clock = steadyTime;
const ids = newId;
const managerAddr = config.agentListen;

mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
chmodSync(config.stateDir, 0o700);
const store = await Store.open(await sqliteBackend(resolve(config.stateDir, 'state.sqlite')), clock);
// Only what is on the disk can tell what became of its last commit: whoever starts this process again loads it.
void store.lost.then((outcome) => {
  log.fatal({ outcome }, 'a commit ended without a certain answer: the state has to be loaded again');
  process.exit(1);
});
const authority = (() => {
  const trust = [...store.view.clusters.all()][0]?.trust;
  try {
    const sealingKey = readSealingKey(resolve(config.stateDir, 'sealing.key'), trust === undefined);
    // Certificates go by the time of day, as TLS does.
    const opened = new Authority({ sealingKey, clock: Date.now });
    if (trust) opened.check(trust);
    return opened;
  } catch (error) {
    log.fatal({ err: error }, "the cluster's certificate authority can't be used");
    process.exit(1);
  }
})();
await beginTerm(store, {
  clock,
  ids,
  newTrust: (clusterId) => authority.begin(clusterId),
  managerPorts: portsOf(config),
});
await prepareNetworks(store);
for (const trouble of neededPortConflicts(store.view)) log.warn(trouble);

const audit = await AuditLog.open(resolve(config.stateDir, 'audit'));
// First, since it takes a while in which nobody could be heard.
const api = await buildApi({
  store,
  clock,
  ids,
  authority,
  audit,
  log: log.child({ component: 'api' }),
  queries: {
    distribution: (image, auth) => agents.distribution(image, auth),
    ask: (nodeId, what, withinMs) => agents.ask(nodeId, what, withinMs),
    tunnel: (nodeId, request, withinMs, signal) => agents.tunnel(nodeId, request, withinMs, signal),
  },
  liveness: (node) => liveness.report(node),
  explain: (view, task) => explain(view, task, clock()),
  about: { version, managerAddr },
});

const liveness = startLiveness(store, {
  clock,
  steady: () => performance.now(),
  log: log.child({ component: 'liveness' }),
  ask: (nodeId, what, withinMs) => agents.ask(nodeId, what, withinMs),
  onSilent: (nodeId, silent) => agents.setSilent(nodeId, silent),
});
const agents: AgentServer = new AgentServer(store, {
  clock,
  ids,
  random: Math.random,
  authority,
  managerId: ids(),
  log: log.child({ component: 'agents' }),
  liveness,
});
const rotation = rotationLoop(store, { clock, log: log.child({ component: 'trust' }) });
const scheduler = schedulerLoop(store, { clock, log: log.child({ component: 'scheduler' }) });
const allocator = allocatorLoop(store, { clock, log: log.child({ component: 'allocator' }) });
const orchestrator = orchestratorLoop(store, { clock, ids, log: log.child({ component: 'orchestrator' }) });
const rebalancer = rebalanceLoop(store, { clock, ids, log: log.child({ component: 'rebalancer' }) });
const reliever = reliefLoop(store, {
  clock,
  ids,
  log: log.child({ component: 'reliever' }),
  memory: (nodeId) => memoryUse((...question) => agents.ask(...question), nodeId),
});

const stop = async (signal: string) => {
  log.info({ signal }, 'stopping');
  // Open requests get a moment; a client that keeps its connection must not keep the manager.
  setTimeout(() => process.exit(0), 5_000).unref();
  await api.close();
  // Sessions that this process ends itself are no news about their nodes.
  liveness.close();
  await agents.close();
  await Promise.all([
    scheduler.close(),
    allocator.close(),
    orchestrator.close(),
    rebalancer.close(),
    reliever.close(),
    rotation.close(),
  ]);
  await store.close();
  process.exit(0);
};
process.on('SIGTERM', (signal) => void stop(signal));
process.on('SIGINT', (signal) => void stop(signal));

try {
  await agents.listen(config.agentListen);
  const at = apiNames(hostname(), networkInterfaces(), config.tlsNames);
  const own = apiCertificate(store.view, authority, { at, clock: Date.now, random: Math.random });
  await listen(api, config.api, { tls: () => readTls(config.tls, own), log });
} catch (error) {
  log.fatal({ err: error }, 'could not start');
  process.exit(1);
}
log.info(
  { version, api: config.api, agents: config.agentListen, tasks: store.view.tasks.size },
  'manager is up',
);
