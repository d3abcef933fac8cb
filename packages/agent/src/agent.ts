import { readFile } from 'node:fs/promises';
import { availableParallelism, uptime } from 'node:os';
import { type Pressure, protocolVersion, type Welcome } from '@shoal/proto';
import type { Logger } from 'pino';
import { Answers } from './answers.ts';
import type { Config } from './config.ts';
import { BridgeNetworks, Daemon, ProcessesWatch, watchContainers } from './docker/index.ts';
import { FactWatch, kernel, PressureWatch, ProbePort, sample } from './health/index.ts';
import { Identity, makeKeyApart } from './identity/index.ts';
import { ListenerWatch, oursOf } from './listeners/index.ts';
import { HostNetwork } from './network/index.ts';
import { memoryFolder, SecretFiles } from './secrets/index.ts';
import { bootId, EventQueue, Journal, ManagerLink } from './session/index.ts';
import { bodyOf, Limiter, portsOf, Tasks } from './task/index.ts';
import { Tunnels } from './tunnels/index.ts';

/** Starting more containers at a time than there are cores makes all of them slower; one alone waits too much. */
const startsAtATime = Math.max(2, availableParallelism());
/** Few, as each starts a process; more than a handful that hang, as those hold their slots for long. */
const probesAtATime = 16;
/** Each is a connection to a container, of which many may not answer. */
const questionsAtATime = 64;
/** Each holds a connection to the daemon for as long as its container's grace period. */
const stopsAtATime = 64;
/** At its start, an agent whose lease has ended tries so long to get another before it stops isolated tasks. */
const firstContactMs = 1_000;

/** Also counts the time that the host sleeps. */
const uptimeMs = () => uptime() * 1_000;

/** This host's part of the cluster: has the Docker daemon and the kernel do what the manager wants. */
export class Agent {
  readonly #log: Logger;
  readonly #journal: Journal;
  readonly #identity: Identity;
  readonly #daemon: Daemon;
  readonly #network: HostNetwork;
  readonly #facts: FactWatch;
  readonly #pressures: PressureWatch;
  readonly #listeners: ListenerWatch;
  readonly #probePort: ProbePort;
  readonly #files: SecretFiles;
  readonly #tasks: Tasks;
  readonly #processes: ProcessesWatch;
  readonly #events = new EventQueue(Date.now() * 1_000);
  readonly #link: ManagerLink;
  readonly #closing = new AbortController();
  /** When the host was booted, by its time as it was at the start: so no change of that time is seen later. */
  readonly #epoch = Date.now() - uptimeMs();
  #watching: { readonly key: string; readonly stop: AbortController } | undefined;

  private constructor(config: Config, journal: Journal, log: Logger) {
    this.#journal = journal;
    this.#log = log;
    const clock = () => this.#epoch + uptimeMs();
    this.#network = new HostNetwork({
      bridges: new BridgeNetworks(config.dockerSocket),
      stateDir: config.stateDir,
      manager: config.manager,
      advertiseAddr: config.advertiseAddr,
      probePort: config.probePort,
      runsManager: config.runsManager,
      unfit: () => this.#tasks.unfit(),
      held: () => this.#listeners.ports,
      connected: () => this.#link.connected,
      onHold: () => this.#link.onHold,
      onKey: () => this.#facts.refreshHost(),
      onUnderlay: () => this.#facts.refreshHost(),
      log,
    });
    this.#daemon = new Daemon({
      socketPath: config.dockerSocket,
      clock,
      attach: (task) => this.#network.attach(task.attachments, portsOf(bodyOf(task))),
      onPulled: () => void this.#facts.refresh(),
    });
    this.#pressures = new PressureWatch({
      sample: () => sample(kernel, this.#facts.dockerRoot),
      onChange: () => this.#facts.refreshHost(),
      log: log.child({ component: 'pressure' }),
    });
    this.#listeners = new ListenerWatch({
      ours: () => oursOf(journal.assignments.objects.task, this.#tasks.statuses(), process.pid),
      onChange: (urgent) => {
        this.#network.refresh();
        if (urgent) this.#facts.refreshHost();
      },
      log: log.child({ component: 'listeners' }),
    });
    this.#facts = new FactWatch(
      {
        ...config,
        overlayKey: () => this.#network.publicKey,
        underlay: () => this.#network.underlay,
        pressures: () => [...this.#pressures.pressures, ...unwritable(journal)],
        listeners: () => this.#network.withResolver(this.#listeners.listeners),
      },
      { info: () => this.#daemon.info(), images: () => this.#daemon.images.list() },
      log.child({ component: 'facts' }),
    );
    this.#probePort = new ProbePort({ host: config.advertiseAddr, port: config.probePort, log });
    this.#files = new SecretFiles({
      folder: () => memoryFolder(),
      contents: () => journal.assignments.objects,
      log: log.child({ component: 'secrets' }),
    });
    this.#tasks = new Tasks({
      daemon: this.#daemon,
      files: this.#files,
      network: this.#network,
      limits: {
        starts: new Limiter(startsAtATime),
        probes: new Limiter(probesAtATime),
        questions: new Limiter(questionsAtATime),
        stops: new Limiter(stopsAtATime),
      },
      clock,
      onStatus: (status) => {
        journal.setStatus(status);
        this.#link.report(status);
        this.#network.refresh();
      },
      onForget: (taskId) => {
        journal.dropStatus(taskId);
        this.#link.drop(taskId);
      },
      isRemoved: (nodeId) => {
        const { peer } = journal.assignments.objects;
        // This host is one of them: without it the list says nothing.
        return peer.has(this.#identity.node?.nodeId ?? '') && !peer.has(nodeId);
      },
      log: log.child({ component: 'task' }),
    });
    this.#processes = new ProcessesWatch({
      statuses: () => this.#tasks.statuses(),
      onEnded: (taskId) => this.#tasks.died(taskId),
    });
    this.#identity = new Identity({
      kept: journal.identity,
      keep: (text) => journal.setIdentity(text),
      manager: () => this.#network.manager,
      joinToken: () => joinToken(config),
      facts: () => this.#facts.facts,
      makeKey: makeKeyApart,
      onRenewed: () => this.#link.renew(),
      random: Math.random,
      log: log.child({ component: 'identity' }),
    });
    const answers = new Answers({
      images: this.#daemon.images,
      network: this.#network,
      tasks: this.#tasks,
      assigned: () => journal.assignments.objects.task,
    });
    this.#link = new ManagerLink({
      manager: () => this.#network.manager,
      credentials: () => this.#identity.credentials(),
      hello: () => ({
        protocol: protocolVersion,
        facts: this.#facts.facts,
      }),
      statuses: () => this.#tasks.statuses(),
      clock,
      onLease: (until) => this.#renewLease(until),
      onAlone: () => this.#tasks.contact(false),
      onAccepted: (taskIds) => this.#tasks.accepted(taskIds),
      onWelcome: (welcome) => this.#welcome(welcome),
      onTrust: (trust) => this.#identity.trust(trust),
      assignments: journal.assignments,
      onAssignments: () => this.#assign(),
      answer: (query) => answers.to(query),
      events: this.#events,
      tunnels: new Tunnels({
        manager: () => this.#network.manager,
        credentials: () => this.#identity.presentCredentials,
        daemon: (request, body, signal) => this.#daemon.passOn(request, body, signal),
      }),
      random: Math.random,
      log: log.child({ component: 'session' }),
    });
    journal.onTrouble(() => this.#facts.refreshHost());
    this.#facts.onChange((facts) => this.#link.sendFacts(facts));
  }

  /** Takes up what an agent before it left on this host, then looks for the manager. */
  static async start(config: Config, log: Logger): Promise<Agent> {
    const journal = await Journal.open(config.stateDir, await bootId(), log.child({ component: 'journal' }));
    const agent = new Agent(config, journal, log);
    await agent.#network.start();
    await agent.#files.start();
    const { lease = 0 } = journal;
    agent.#tasks.renewLease(agent.#epoch + Math.max(lease, uptimeMs() + firstContactMs));
    // What was there before goes on as it was, also while the manager is away.
    agent.#tasks.assign(journal.assignments.objects.task, { complete: false, earlier: journal });
    // Before there are rules: what listens here keeps its port.
    await agent.#listeners.look();
    agent.#applyNetworks().catch(() => {});
    agent.#watch();
    await agent.#facts.refresh();
    await agent.#pressures.look();
    agent.#link.open();
    return agent;
  }

  /** Containers keep running. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watching?.stop.abort();
    this.#facts.close();
    this.#pressures.close();
    this.#listeners.close();
    this.#probePort.close();
    this.#identity.close();
    this.#processes.end();
    this.#tasks.close();
    await this.#link.close();
    await this.#network.close();
    await this.#journal.flush();
  }

  async #welcome({ term, hold, release }: Welcome): Promise<void> {
    const { nodeId = '', clusterId = '' } = this.#identity.node ?? {};
    await this.#journal.setTerm({ clusterId, term });
    // Whatever else is logged: `shoal join` and `shoal upgrade` wait for these words.
    const always = this.#log.child({}, { level: 'info' });
    always.info({ nodeId, clusterId, term, release }, 'connected to the manager');
    if (hold) this.#log.warn({ term }, 'the manager was restored from a backup: this host goes on as it is');
    else this.#tasks.contact(true);
    this.#watch();
  }

  #renewLease(until: number): void {
    this.#tasks.renewLease(until);
    if (this.#tasks.needLease) this.#journal.setLease(Math.round(until - this.#epoch));
  }

  async #assign(): Promise<void> {
    this.#journal.touchAssignments();
    this.#tasks.assign(this.#journal.assignments.objects.task, { complete: true });
    await this.#applyNetworks();
  }

  async #applyNetworks(): Promise<void> {
    const { objects } = this.#journal.assignments;
    await this.#network.apply(objects, this.#identity.node?.nodeId ?? '');
  }

  /** (Re)starts watching when this host learns who it is. */
  #watch(): void {
    const owner = this.#identity.node;
    if (!owner || this.#closing.signal.aborted) return;
    const key = `${owner.clusterId}/${owner.nodeId}`;
    if (this.#watching?.key === key) return;
    this.#watching?.stop.abort();
    const stop = new AbortController();
    this.#watching = { key, stop };
    this.#daemon.owner = owner;
    void watchContainers(
      {
        daemon: this.#daemon,
        onList: (found) => this.#tasks.list(found),
        onEvent: ({ taskId: _, ...event }) => {
          this.#events.put(event);
          this.#link.eventsSoon();
        },
        onHint: (taskId, event) => this.#tasks.hint(taskId, event),
        onLost: (reason) => {
          this.#facts.trouble(reason);
          this.#network.daemonLost();
          // Without live-restore the daemon ends them itself, when it goes or when it is back.
          if (this.#facts.liveRestore) this.#processes.begin();
          else this.#tasks.unwatched();
        },
        onFound: () => {
          this.#processes.end();
          this.#network.daemonFound();
          void this.#facts.refresh();
        },
        log: this.#log.child({ component: 'docker' }),
      },
      stop.signal,
    );
  }
}

async function joinToken({ joinToken, joinTokenFile }: Config): Promise<string> {
  if (joinTokenFile === undefined) return joinToken;
  return (await readFile(joinTokenFile, 'utf8')).trim();
}

/** What can't be written is lost with this process: better no new tasks until it can. */
const unwritable = ({ trouble }: Journal): Pressure[] =>
  trouble === undefined
    ? []
    : [{ kind: 'journal', message: `unable to write its agent's journal: ${trouble}` }];
