import { parseArgs } from 'node:util';

export interface Config {
  readonly stateDir: string;
  /** HOST:PORT. */
  readonly manager: string;
  /** Path of the Docker daemon's socket. */
  readonly dockerSocket: string;
  readonly hostname: string;
  readonly advertiseAddr: string;
  readonly probePort: number;
  readonly runsManager: boolean;
  readonly joinToken: string;
  /** Read when the host joins: it may be written only then. */
  readonly joinTokenFile: string | undefined;
  readonly logLevel: string;
}

/** What was wrong with the command line, for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export const help = `Usage: main.mjs --manager HOST:PORT --advertise-addr IP [options]

Runs this host's part of the cluster: the tasks that the manager gives it, in its own Docker daemon.

  --manager HOST:PORT      where the manager listens for agents
  --advertise-addr IP      address under which other hosts reach this one
  --probe-port PORT        where this host answers probes on that address (default 2481)
  --state-dir DIR          what survives a restart of the agent (default /var/lib/shoal/agent)
  --docker unix://PATH     the Docker daemon (default unix:///var/run/docker.sock)
  --hostname NAME          name of the node (default: the host's own)
  --join-token-file FILE   file with the join token, which is waited for (default: the variable SHOAL_JOIN_TOKEN);
                           needed once, afterwards the host has a certificate
  --runs-manager           the manager runs on this host too
  --log-level LEVEL        ${logLevels.join(', ')} (default info)
  --help                   show this
`;

/** @throws UsageError for unknown, missing and malformed options */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  ownHostname: string,
): Config | 'help' {
  const flags = parse(args);
  if (flags.help) return 'help';
  return {
    stateDir: flags['state-dir'],
    manager: hostPort(required(flags, 'manager')),
    dockerSocket: socketPath(flags.docker),
    hostname: flags.hostname ?? ownHostname,
    advertiseAddr: required(flags, 'advertise-addr'),
    probePort: port(flags['probe-port']),
    runsManager: flags['runs-manager'],
    joinToken: env.SHOAL_JOIN_TOKEN ?? '',
    joinTokenFile: flags['join-token-file'],
    logLevel: level(flags['log-level']),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'state-dir': { type: 'string', default: '/var/lib/shoal/agent' },
        manager: { type: 'string' },
        docker: { type: 'string', default: 'unix:///var/run/docker.sock' },
        hostname: { type: 'string' },
        'advertise-addr': { type: 'string' },
        'probe-port': { type: 'string', default: '2481' },
        'join-token-file': { type: 'string' },
        'runs-manager': { type: 'boolean', default: false },
        'log-level': { type: 'string', default: 'info' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function required(flags: { manager?: string; 'advertise-addr'?: string }, name: keyof typeof flags): string {
  const value = flags[name];
  if (!value) throw new UsageError(`--${name} is missing`);
  return value;
}

function hostPort(value: string): string {
  if (!/^.+:\d+$/.test(value)) throw new UsageError(`--manager ${value}: it takes the form HOST:PORT`);
  return value;
}

function port(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > 65_535)
    throw new UsageError(`--probe-port ${value}: it is a number from 1 to 65535`);
  return number;
}

function socketPath(value: string): string {
  const path = value.startsWith('unix://') ? value.slice('unix://'.length) : '';
  if (!path.startsWith('/')) throw new UsageError(`--docker ${value}: it takes the form unix:///PATH`);
  return path;
}

function level(value: string): string {
  if (!logLevels.includes(value))
    throw new UsageError(`--log-level ${value}: it is one of ${logLevels.join(', ')}`);
  return value;
}
