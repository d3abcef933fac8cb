import Docker from 'dockerode';
import { http, type RunOptions, run, tryRun, until } from '../machine/index.ts';

export type HostProcess = 'dockerd' | 'agent' | 'manager';

export interface ProcessUsage {
  pid: number;
  /** Resident memory. */
  rssBytes: number;
  /** CPU time used since the process started. */
  cpuSeconds: number;
}

/** Linux counts CPU time in these, on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A host of the testbed: a container that behaves like a machine with a Docker daemon. */
export class Host {
  readonly name: string;
  /** Its fixed address on the hosts' network. */
  readonly ip: string;
  /** The container that plays this host, in the outer daemon. */
  readonly container: string;
  readonly network: string;

  constructor(project: string, name: string, ip: string) {
    this.name = name;
    this.ip = ip;
    this.container = `${project}-${name}`;
    this.network = `${project}-hosts`;
  }

  /** Runs a command on the host. */
  exec(command: readonly string[], options?: RunOptions): Promise<string> {
    return run('docker', ['exec', this.container, ...command], options);
  }

  /** Runs a shell script on the host. */
  sh(script: string, options?: RunOptions): Promise<string> {
    return this.exec(['sh', '-ec', script], options);
  }

  /**
   * The host's own daemon, straight: through a port that only this machine reaches (see entrypoint.sh). Asked without a version it
   * answers in its newest: there is none that all daemons speak, as those of Docker 29 know nothing below 1.44.
   */
  docker(): Docker {
    return new Docker({ protocol: 'http', host: this.ip, port: 2375 });
  }

  /** Of its daemon, such as `20.10.24+dfsg1`. */
  async dockerVersion(): Promise<string> {
    return (await this.docker().version()).Version;
  }

  /** Resolves when its Docker daemon answers (again); rejects after a minute. */
  async daemonBack(): Promise<void> {
    await until(`the Docker daemon of ${this.name} answers`, () => this.daemonAnswers(), {
      timeoutMs: 60_000,
      everyMs: 200,
    });
  }

  async daemonAnswers(): Promise<boolean> {
    const ping = ['curl', '-sf', '-m', '2', '--unix-socket', '/var/run/docker.sock', 'http://docker/_ping'];
    return (await tryRun('docker', ['exec', this.container, ...ping], { timeoutMs: 5000 })).stdout === 'OK';
  }

  /** Running containers of the host's daemon; all of them with `all`. */
  containers(all = false): Promise<Docker.ContainerInfo[]> {
    return this.docker().listContainers({ all });
  }

  /** The running process' id on the host, undefined while it is down. */
  async pid(name: HostProcess): Promise<number | undefined> {
    const read = await tryRun('docker', ['exec', this.container, 'cat', `/run/shoal/${name}.pid`]);
    return read.code === 0 ? Number(read.stdout) : undefined;
  }

  async usage(name: HostProcess): Promise<ProcessUsage> {
    const text = await this.sh(
      `p=$(cat /run/shoal/${name}.pid); echo $p; cat /proc/$p/stat; grep VmRSS /proc/$p/status`,
    );
    const [pid, stat = '', rss = ''] = text.trim().split('\n');
    // The command's name, in parentheses, may hold spaces: count fields behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      pid: Number(pid),
      rssBytes: Number(/\d+/.exec(rss)?.[0]) * 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  }

  /** The end of a process' log; `host` is the supervisor's own. */
  async log(name: HostProcess | 'host', lines = 50): Promise<string> {
    const file = `/var/log/shoal/${name}.log`;
    return (await tryRun('docker', ['exec', this.container, 'tail', '-n', String(lines), file])).stdout;
  }

  /** A GET on a port of the host, from this machine. */
  get(port: number, path = '/', timeoutMs = 5000) {
    return http(`http://${this.ip}:${port}${path}`, { timeoutMs });
  }
}
