import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitError, usage } from '../exit.ts';
import { type Connection, findConnection, type Hints } from './connection.ts';
import { type Manager, managerAt } from './manager.ts';

const socket = '/run/shoal/shoal.sock';

interface Named {
  readonly host?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** The connection to the manager that flags, environment, this host or the docker context name; undefined if none does. */
function namedConnection({ host, tokenFile }: Named): Connection | undefined {
  const { env } = process;
  const isNamed = Boolean(host ?? env.DOCKER_HOST);
  const found = existsSync(socket) ? socket : undefined;
  return findConnection({
    flag: host,
    env,
    token: tokenFile === undefined ? env.SHOAL_TOKEN || undefined : readToken(tokenFile),
    socket: found,
    context: isNamed || found !== undefined ? undefined : dockerContext(),
  });
}

/** The same as a manager to ask; throws when nothing names one. */
export function namedManager(options: Named): Manager {
  const connection = namedConnection(options);
  if (!connection)
    throw usage(
      'Name a manager: -H tcp://HOST:PORT, DOCKER_HOST or a docker context; on its own host none is needed.',
    );
  return managerAt(connection);
}

/** Docker's own daemon speaks the same API: throws when what answers is none of Shoal's managers. */
export async function refuseDaemon({ address, ask }: Pick<Manager, 'address' | 'ask'>): Promise<void> {
  const { Platform } = await ask<{ Platform?: { Name?: string } }>('GET', '/version');
  if (Platform?.Name !== 'Shoal')
    throw new ExitError(1, `${address} is a Docker daemon, not a manager of Shoal.`);
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usage(`--token-file: ${(error as Error).message}`);
  }
  if (token === '') throw usage(`the token in ${file} is empty`);
  return token;
}

/** As the docker command has it; undefined without that command, and for its default, which is this host's daemon. */
function dockerContext(): Hints['context'] {
  let shown: string;
  try {
    shown = execFileSync('docker', ['context', 'inspect'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
  const [context] = JSON.parse(shown) as {
    Name?: string;
    Endpoints?: { docker?: { Host?: string } };
    TLSMaterial?: { docker?: string[] };
    Storage?: { TLSPath?: string };
  }[];
  const address = context?.Endpoints?.docker?.Host;
  if (context?.Name === 'default' || address === undefined) return undefined;
  const tls = context?.TLSMaterial?.docker ? join(context.Storage?.TLSPath ?? '', 'docker') : undefined;
  return { host: address, ...(tls !== undefined && { tls }) };
}
