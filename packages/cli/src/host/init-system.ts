import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program, ProgramName } from './programs.ts';
import { run, tryRun } from './run.ts';
import { paths } from './settings.ts';
import { openrcScript, systemdUnit, unitName } from './units.ts';

export type InitName = 'systemd' | 'OpenRC' | 'none';

/** Who keeps our programs running on this host. */
export interface InitSystem {
  readonly name: InitName;
  /** Starts it now and with the host; one that runs is started again. */
  start(program: Program): Promise<void>;
  /** Ends it, and forgets it. Nothing happens when there is none. */
  remove(name: ProgramName): Promise<void>;
  isRunning(name: ProgramName): Promise<boolean>;
  /** The end of what it logged. */
  log(name: ProgramName, lines: number): Promise<string>;
}

/** By what each leaves in /run while it is in charge. */
export function initSystem(exists: (path: string) => boolean = existsSync): InitSystem {
  if (exists('/run/systemd/system')) return systemd;
  return exists('/run/openrc/softlevel') ? openrc : supervisor;
}

/**
 * Ends a program, and does something in its place. Where that fails, the one that was there `before` runs again: nothing is changed
 * then.
 */
export async function inPlaceOf<T>(
  init: Pick<InitSystem, 'remove' | 'start'>,
  name: ProgramName,
  before: Program | undefined,
  act: () => Promise<T>,
): Promise<T> {
  await init.remove(name);
  try {
    return await act();
  } catch (error) {
    if (before) await init.start(before);
    throw error;
  }
}

const unitFile = (name: ProgramName) => `/etc/systemd/system/${unitName({ name })}.service`;

const systemd: InitSystem = {
  name: 'systemd',
  async start(program) {
    writeFileSync(unitFile(program.name), systemdUnit(program), { mode: 0o644 });
    await run('systemctl', ['daemon-reload']);
    await run('systemctl', ['enable', '--quiet', unitName(program)]);
    await run('systemctl', ['restart', unitName(program)]);
  },
  async remove(name) {
    if (!existsSync(unitFile(name))) return;
    await tryRun('systemctl', ['disable', '--quiet', '--now', unitName({ name })], 60_000);
    rmSync(unitFile(name), { force: true });
    await run('systemctl', ['daemon-reload']);
    await tryRun('systemctl', ['reset-failed', unitName({ name })]);
  },
  async isRunning(name) {
    return (await tryRun('systemctl', ['is-active', '--quiet', unitName({ name })])).code === 0;
  },
  async log(name, lines) {
    const unit = ['--unit', unitName({ name })];
    return (await tryRun('journalctl', ['--no-pager', '--output', 'cat', '--lines', String(lines), ...unit]))
      .stdout;
  },
};

const scriptFile = (name: ProgramName) => `/etc/init.d/${unitName({ name })}`;

const openrc: InitSystem = {
  name: 'OpenRC',
  async start(program) {
    writeFileSync(scriptFile(program.name), openrcScript(program));
    chmodSync(scriptFile(program.name), 0o755);
    await run('rc-update', ['add', unitName(program), 'default']);
    await run('rc-service', [unitName(program), 'restart']);
  },
  async remove(name) {
    if (!existsSync(scriptFile(name))) return;
    await tryRun('rc-service', [unitName({ name }), 'stop'], 60_000);
    await tryRun('rc-update', ['delete', unitName({ name }), 'default']);
    rmSync(scriptFile(name), { force: true });
  },
  async isRunning(name) {
    // Its own word is of the supervisor, which lives on while the program ends again and again.
    const pid = pidIn(`/run/openrc/options/${unitName({ name })}/child_pid`);
    return pid !== undefined && lives(pid);
  },
  log: (name, lines) => endOf(join(paths.logs, `${name}.log`), lines),
};

/** Our own, supervise.sh: for containers and hosts without an init system that we know. */
const supervisor: InitSystem = {
  name: 'none',
  async start({ name, command, env }) {
    await supervisor.remove(name);
    mkdirSync(join(paths.run, 'hold'), { recursive: true });
    const script = join(paths.current, 'supervise.sh');
    spawn('/bin/sh', [script, name, ...command], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...env },
    }).unref();
  },
  async remove(name) {
    await end(join(paths.run, `${name}.supervisor`), 'SIGKILL', 1_000);
    // The manager lets open requests end, the agent what it is writing.
    await end(join(paths.run, `${name}.pid`), 'SIGTERM', 10_000);
    await end(join(paths.run, `${name}.pid`), 'SIGKILL', 1_000);
    for (const file of [`${name}.supervisor`, `${name}.pid`, `hold/${name}`])
      rmSync(join(paths.run, file), { force: true });
  },
  async isRunning(name) {
    const pid = pidIn(join(paths.run, `${name}.pid`));
    return pid !== undefined && lives(pid);
  },
  log: (name, lines) => endOf(join(paths.logs, `${name}.log`), lines),
};

async function end(file: string, signal: NodeJS.Signals, withinMs: number): Promise<void> {
  const pid = pidIn(file);
  if (pid === undefined || !lives(pid)) return;
  process.kill(pid, signal);
  for (let waited = 0; waited < withinMs && lives(pid); waited += 50) await sleep(50);
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

/** One that has ended and waits for its parent to take note lives no more. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const endOf = async (file: string, lines: number): Promise<string> =>
  (await tryRun('tail', ['-n', String(lines), file])).stdout;
