import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canInstall, install } from './apt.ts';
import { commandExists, lastLines, tryRun } from './run.ts';
import { say, TestbedError } from './say.ts';

/** Where we note a daemon that we started by hand. */
const STATE = '/var/lib/shoal-testbed';
const PID_FILE = `${STATE}/dockerd.pid`;
const LOG_FILE = `${STATE}/dockerd.log`;

export async function daemonAnswers(): Promise<boolean> {
  const result = await tryRun('docker', ['version', '--format', '{{.Server.Version}}'], {
    timeoutMs: 10_000,
  });
  return result.code === 0;
}

/** A user who tries the cluster has its address in DOCKER_HOST; we need this machine's own daemon. */
export function forgetClusterAddress(apiPort: number): void {
  const named = process.env.DOCKER_HOST;
  if (
    named !== undefined &&
    /^tcp:\/\/(127\.0\.0\.1|localhost):(\d+)\/?$/.exec(named)?.[2] === String(apiPort)
  ) {
    delete process.env.DOCKER_HOST;
  }
}

/** Makes sure that a Docker daemon answers: finds one, or installs and starts Debian's. */
export async function ensureDocker(): Promise<void> {
  if (await daemonAnswers()) return;
  const named = process.env.DOCKER_HOST;
  if (named) {
    throw new TestbedError(
      `No Docker daemon answers at DOCKER_HOST=${named}: start it or unset DOCKER_HOST.`,
    );
  }
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new TestbedError(
      'No Docker daemon answers: start Docker (or let your user reach it), or run this as root on Debian or Ubuntu, where it is installed and started for you.',
    );
  }
  if (!(await commandExists('dockerd')) || !(await commandExists('docker'))) {
    if (!canInstall())
      throw new TestbedError(
        'Docker is not installed and this is no Debian or Ubuntu: please install and start Docker.',
      );
    await install('No Docker daemon on this machine', ['docker.io', 'iptables', 'nftables', 'iproute2']);
    if (await daemonAnswers()) return;
  }
  if (existsSync('/run/systemd/system')) {
    await tryRun('systemctl', ['start', 'docker'], { timeoutMs: 60_000 });
    if (await waitForDaemon(30_000, () => true)) return;
    throw new TestbedError('Docker is installed but does not start: see `systemctl status docker`.');
  }
  await startByHand();
}

/** Without an init system the daemon is ours to start: detached, so that it outlives this process. */
async function startByHand(): Promise<void> {
  mkdirSync(STATE, { recursive: true });
  rmSync('/var/run/docker.pid', { force: true }); // left by a killed daemon, stops a new one
  const log = openSync(LOG_FILE, 'a');
  const child = spawn('dockerd', ['--pidfile', '/var/run/docker.pid'], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  child.on('error', () => {});
  child.unref();
  const pid = child.pid;
  if (pid === undefined) throw new TestbedError('dockerd could not be started: is it on the PATH of root?');
  writeFileSync(PID_FILE, `${pid} ${startTime(pid)}\n`);
  if (!(await waitForDaemon(45_000, () => startTime(pid) !== undefined))) {
    throw new TestbedError(
      `dockerd does not come up; the end of ${LOG_FILE}:\n${lastLines(readFileSync(LOG_FILE, 'utf8'), 12)}`,
    );
  }
  say(`started the Docker daemon (pid ${pid}, log ${LOG_FILE}); \`npm stop\` ends it again`);
}

async function waitForDaemon(timeoutMs: number, alive: () => boolean): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline && alive()) {
    if (await daemonAnswers()) return true;
    await sleep(200);
  }
  return false;
}

/** Start time in clock ticks: together with the pid it names one process for sure. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function ownDaemon(): number | undefined {
  if (!existsSync(PID_FILE)) return undefined;
  const [pid, started] = readFileSync(PID_FILE, 'utf8').trim().split(' ');
  return pid && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

/** Ends the daemon only if it is ours and idle; says what it did. */
export async function stopOwnDaemon(): Promise<void> {
  const pid = ownDaemon();
  if (pid === undefined) return;
  const running = await tryRun('docker', ['ps', '-q']);
  const count = running.stdout.split('\n').filter(Boolean).length;
  if (running.code !== 0 || count > 0) {
    say(`the Docker daemon started by \`npm start\` goes on: ${count} other containers run in it`);
    return;
  }
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + 20_000;
  while (startTime(pid) !== undefined && Date.now() < deadline) await sleep(100);
  if (startTime(pid) !== undefined)
    throw new TestbedError(`dockerd (pid ${pid}) does not stop; see ${LOG_FILE}`);
  rmSync(PID_FILE, { force: true });
  say('stopped the Docker daemon, which `npm start` had started');
}
