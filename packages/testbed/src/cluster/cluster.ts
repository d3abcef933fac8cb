import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { buildAll } from '../../../../scripts/build.ts';
import {
  buildExampleImages,
  buildHostImages,
  HOST_IMAGE,
  hostImage,
  pruneImages,
  pushImages,
  SUITES,
  type Suite,
} from '../images/index.ts';
import {
  ensureDocker,
  forgetClusterAddress,
  http,
  run,
  say,
  step,
  TestbedError,
  TOOLS,
  tryRun,
  until,
} from '../machine/index.ts';
import { compose } from './compose.ts';
import { Host, type HostProcess } from './host.ts';

export interface ClusterOptions {
  /** Compose project and prefix of the containers' names. */
  project: string;
  /** Loopback port of this machine where the manager's API is published. */
  apiPort: number;
  /** Loopback port of this machine where the registry is published. */
  registryPort: number;
  /** First three numbers of the hosts' network, a /24. */
  net: string;
  /** What h1, h2 and h3 are made of, each with the Docker of its time. */
  suites: readonly [Suite, Suite, Suite];
}

/** The cluster of `npm start`. */
export function mainCluster(): ClusterOptions {
  return fromEnv('SHOAL_', {
    project: 'shoal',
    apiPort: 2475,
    registryPort: 5075,
    net: '10.213.75',
    suites: SUITES,
  });
}

/** The cluster of the tests and benches, which may run beside it. */
export function testCluster(): ClusterOptions {
  return fromEnv('SHOAL_TEST_', {
    project: 'shoaltest',
    apiPort: 2575,
    registryPort: 5175,
    net: '10.213.76',
    suites: SUITES,
  });
}

function fromEnv(prefix: string, defaults: ClusterOptions): ClusterOptions {
  const env = (name: string) => process.env[`${prefix}${name}`];
  return {
    project: env('PROJECT') ?? defaults.project,
    apiPort: Number(env('API_PORT') ?? defaults.apiPort),
    registryPort: Number(env('REGISTRY_PORT') ?? defaults.registryPort),
    net: env('NET') ?? defaults.net,
    suites: suitesOf(env('SUITES')) ?? defaults.suites,
  };
}

/** `bookworm,trixie,sid`: one for each host, or one for all. */
function suitesOf(text: string | undefined): ClusterOptions['suites'] | undefined {
  if (!text) return undefined;
  const [first, second = first, third = first, ...more] = text
    .split(',')
    .map((word) => SUITES.find((suite) => suite === word));
  if (first && second && third && more.length === 0) return [first, second, third];
  throw new TestbedError(
    `The suites of the hosts are three of ${SUITES.join(', ')} with commas between, or one: not ${text}`,
  );
}

/** Three hosts and a registry, as docker-compose.test.yml describes them. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly hosts: readonly [Host, Host, Host];

  private constructor(options: ClusterOptions) {
    this.options = options;
    const host = (index: number) => new Host(options.project, `h${index}`, `${options.net}.${10 + index}`);
    this.hosts = [host(1), host(2), host(3)];
  }

  /** A cluster that runs already (or that `down` shall remove). */
  static attach(options: ClusterOptions): Cluster {
    return new Cluster(options);
  }

  /**
   * Brings up a running cluster with the present code, whatever state this machine is in. Repeatable; `fresh` drops what an
   * earlier cluster of the same project held.
   */
  static async up(options: ClusterOptions, { fresh = false } = {}): Promise<Cluster> {
    forgetClusterAddress(options.apiPort);
    await ensureDocker();
    const bundles = step('bundling manager and agent', () => buildAll(say));
    await buildHostImages(options.suites, bundles);
    const cluster = new Cluster(options);
    if (fresh) await cluster.down();
    await step(`starting the hosts of ${options.project}`, () =>
      cluster.compose(['up', '-d', '--remove-orphans']),
    );
    const images = await step('building the example images', buildExampleImages);
    await step('waiting for the Docker daemons of the hosts', () =>
      Promise.all(cluster.hosts.map((host) => host.daemonBack())),
    );
    const versions = await Promise.all(cluster.hosts.map((host) => host.dockerVersion()));
    say(`Docker of ${cluster.hosts.map(({ name }, index) => `${name}: ${versions[index]}`).join(', ')}`);
    await Promise.all([
      cluster.#install(),
      step('pushing the example images to the registry of the hosts', () =>
        pushImages(images, options.registryPort),
      ),
    ]);
    await pruneImages();
    await cluster.waitReady();
    return cluster;
  }

  /** The manager answers and all hosts have joined. */
  async waitReady(timeoutMs = 60_000): Promise<void> {
    await this.#managerAnswers(timeoutMs);
    const names = this.hosts.map((host) => host.name).join(' ');
    await step(`waiting for the agents of ${names}`, () =>
      this.#orLog(
        'agent',
        until(
          `the nodes ${names} are ready`,
          async (seen) => {
            const nodes = await this.docker().listNodes();
            const states = nodes.map((node) => `${node.Description?.Hostname} ${node.Status?.State}`).sort();
            seen(states);
            return this.hosts.every((host) => states.includes(`${host.name} ready`));
          },
          { timeoutMs, everyMs: 200 },
        ),
      ),
    );
  }

  /** With the commands that docs/install.md has. Hosts that are in the cluster have started their programs by themselves. */
  async #install(): Promise<void> {
    const [first, ...others] = this.hosts;
    // The installer is that of the release that the hosts' image has unpacked.
    const shoal = (host: Host, ...words: readonly string[]) =>
      step(`shoal ${words[0]} on ${host.name}`, () =>
        host.exec(['sh', '/root/release/install.sh', ...words], { timeoutMs: 180_000 }),
      );
    const isIn = async ({ container }: Host) =>
      (await tryRun('docker', ['exec', container, 'test', '-e', '/var/lib/shoal/host.json'])).code === 0;
    if (!(await isIn(first))) await shoal(first, 'init', '--api', 'tcp://0.0.0.0:2476');
    await this.#managerAnswers();
    const { body } = await http(`${this.apiUrl}/swarm`);
    const token: string = JSON.parse(body).JoinTokens.Worker;
    await Promise.all(
      others.map(async (host) => {
        if (!(await isIn(host))) await shoal(host, 'join', '--token', token, first.ip);
      }),
    );
  }

  async #managerAnswers(timeoutMs = 60_000): Promise<void> {
    await step('waiting for the manager', () =>
      this.#orLog(
        'manager',
        until(
          `the manager answers at ${this.apiUrl}`,
          async () => (await http(`${this.apiUrl}/_ping`)).status === 200,
          { timeoutMs },
        ),
      ),
    );
  }

  /** An error while waiting for a process carries the end of its log. */
  async #orLog<T>(name: HostProcess, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const log = await this.hosts[0].log(name, 15);
      throw new TestbedError(`${(error as Error).message}\nThe end of the ${name}'s log on h1:\n${log}`);
    }
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.options.apiPort}`;
  }

  /** Shoal's API, for any Docker client. */
  docker(): Docker {
    return new Docker({ protocol: 'http', host: '127.0.0.1', port: this.options.apiPort, version: 'v1.41' });
  }

  /** How the hosts name an image of the testbed's registry, say `web:1`. */
  image(name: string): string {
    return `registry:5000/${name}`;
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.name === name);
    if (!found) throw new Error(`no host is named ${name}`);
    return found;
  }

  /** Removes containers, networks and volumes. */
  async down(): Promise<void> {
    // No need to wait for each container to stop in order.
    const names = [...this.hosts.map((host) => host.container), `${this.options.project}-registry`];
    await tryRun('docker', ['unpause', ...names]);
    await tryRun('docker', ['kill', ...names]);
    await this.compose(['down', '--volumes', '--remove-orphans', '--timeout', '5']);
  }

  /** What all processes of all hosts logged, one file a host; returns the folder. */
  async saveLogs(folder = join(TOOLS, 'test-logs')): Promise<string> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const host of this.hosts) {
      const logs = await tryRun('docker', ['logs', '--timestamps', host.container]);
      const tasks = await tryRun('docker', ['exec', host.container, 'docker', 'ps', '-a', '--no-trunc']);
      writeFileSync(join(folder, `${host.name}.log`), `${logs.stdout}${logs.stderr}`);
      writeFileSync(join(folder, `${host.name}.containers`), `${tasks.stdout}${tasks.stderr}`);
    }
    return folder;
  }

  /**
   * Gives a host the Docker of another suite (its own, if none is named) and leaves it its disks: as a reboot does that comes
   * after packages were installed. Resolves when its daemon answers.
   */
  async rehost(host: Host, suite?: Suite): Promise<void> {
    await this.compose(['up', '-d', '--no-deps', host.name], suite && { [host.name]: suite });
    await host.daemonBack();
  }

  /** A host is gone for good, with all that was on its disks; `rehost` puts a fresh one in its place. */
  async lose(host: Host): Promise<void> {
    await run('docker', ['rm', '--force', host.container]);
    const { project } = this.options;
    await run('docker', ['volume', 'rm', `${project}_${host.name}-docker`, `${project}_${host.name}-shoal`]);
  }

  /** `suites`: of hosts that shall have others than their own. */
  async compose(args: readonly string[], suites: Readonly<Record<string, Suite>> = {}): Promise<string> {
    const { project, apiPort, registryPort, net } = this.options;
    const images = await Promise.all(
      this.hosts.map(({ name }, index) =>
        hostImage(suites[name] ?? this.options.suites[index] ?? 'bookworm'),
      ),
    );
    return compose(project, args, {
      SHOAL_PROJECT: project,
      SHOAL_HOST_IMAGE: HOST_IMAGE,
      ...Object.fromEntries(images.map((image, index) => [`SHOAL_H${index + 1}_IMAGE`, image])),
      SHOAL_API_PORT: String(apiPort),
      SHOAL_REGISTRY_PORT: String(registryPort),
      SHOAL_NET: net,
    });
  }
}
