import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where everything of an installed host is. */
export const paths = {
  home: '/opt/shoal',
  current: '/opt/shoal/current',
  command: '/usr/local/bin/shoal',
  state: '/var/lib/shoal',
  settings: '/var/lib/shoal/host.json',
  joinToken: '/var/lib/shoal/join-token',
  run: '/run/shoal',
  logs: '/var/log/shoal',
  /** The manager's API, for this host. */
  socket: '/run/shoal/shoal.sock',
  dockerSocket: '/var/run/docker.sock',
} as const;

export const agentPort = 2480;

/** What `shoal init` or `shoal join` made of this host. */
export interface HostSettings {
  /** The manager's host runs an agent, too. */
  readonly role: 'manager' | 'worker';
  /** Where the other hosts reach this one. */
  readonly advertiseAddr: string;
  /** HOST:PORT where agents connect. */
  readonly manager: string;
  /** Name of the node; the host's own if left out. */
  readonly hostname?: string;
  /** Where the manager serves its API besides its socket. */
  readonly api: readonly string[];
  /** More options of the two programs. */
  readonly managerArgs: readonly string[];
  readonly agentArgs: readonly string[];
}

/** Undefined on a host that is in no cluster. */
export function readSettings(): HostSettings | undefined {
  try {
    return JSON.parse(readFileSync(paths.settings, 'utf8')) as HostSettings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const writeSettings = (settings: HostSettings): void =>
  writeOwn(paths.settings, `${JSON.stringify(settings, undefined, 2)}\n`);

/** A file for root alone, whole or not at all. */
export function writeOwn(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  rmSync(part, { force: true });
  writeFileSync(part, text, { mode: 0o600 });
  chmodSync(part, 0o600);
  renameSync(part, file);
}
