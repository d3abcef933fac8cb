import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Command } from 'commander';
import { ExitError, usage } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import {
  addressTowards,
  ensureRequirements,
  type HostSettings,
  initSystem,
  managerAddress,
  paths,
  programsOf,
  readSettings,
  untilWelcomed,
  writeOwn,
  writeSettings,
} from '../host/index.ts';
import {
  checkedAddress,
  givenHostOptions,
  type HostFlags,
  hostOptions,
  needNoCluster,
  needRoot,
  say,
} from './host-options.ts';
import { startWords } from './init.ts';

interface JoinFlags extends HostFlags {
  readonly token?: string;
}

const connectMs = 5_000;

export function joinCommand(): Command {
  const command = new Command('join')
    .description(
      'Takes this host into a cluster, as a worker. On a host that is in one, without a token: its manager has another address now.',
    )
    .argument('<manager>', 'HOST or HOST:PORT of the manager, as `shoal init` says it')
    .option(
      '--token <token>',
      'what `shoal init` says; with --token-file, other users of this host do not see it',
    );
  for (const option of hostOptions()) command.addOption(option);
  return command.exitOverride().action(join);
}

async function join(address: string, flags: JoinFlags, command: Command): Promise<void> {
  needRoot('join');
  const given = command.optsWithGlobals<JoinFlags & GlobalOptions>();
  const member = readSettings();
  if (member && given.token === undefined && given.tokenFile === undefined) {
    const inVain = givenHostOptions(command);
    if (inVain.length > 0)
      throw usage(
        `${inVain.join(', ')}: this host is in a cluster and stays as it is, only its manager's address is changed. \`shoal leave\`, then join with a token, changes more.`,
      );
    return follow(address, member);
  }
  needNoCluster();
  const token = await tokenOf(given);
  const { host, port } = managerAddress(address);
  const advertiseAddr = checkedAddress(flags.advertiseAddr) ?? (await addressTowards(host));
  await ensureRequirements({ install: flags.installDocker === true, encrypt: false }, say);
  await reach(host, port);
  const settings: HostSettings = {
    role: 'worker',
    advertiseAddr,
    manager: `${host}:${port}`,
    ...(flags.hostname !== undefined && { hostname: flags.hostname }),
    api: [],
    managerArgs: [],
    agentArgs: flags.agentArgs,
  };
  writeSettings(settings);
  writeOwn(paths.joinToken, `${token}\n`);
  const init = initSystem();
  const from = Date.now();
  for (const program of programsOf(settings)) await init.start(program);
  const { refused } = await untilWelcomed(init, from);
  if (refused !== undefined)
    throw new ExitError(
      1,
      `${settings.manager} does not want this host: ${refused}\n\`shoal leave\`, then join with the right token.`,
    );
  // From now on its certificate says who it is.
  rmSync(paths.joinToken);
  process.stdout.write(`This host is in the cluster of ${settings.manager}.\n${startWords(init)}`);
}

/** The manager of this host's cluster is elsewhere now. The agent's certificate still says who it is, and knows that one. */
async function follow(address: string, before: HostSettings): Promise<void> {
  if (before.role === 'manager')
    throw new ExitError(1, 'This host runs its manager itself: it goes to no other one.');
  const { host, port } = managerAddress(address);
  await reach(host, port);
  const init = initSystem();
  const begin = async (settings: HostSettings) => {
    writeSettings(settings);
    for (const program of programsOf(settings)) await init.start(program);
  };
  const from = Date.now();
  try {
    await begin({ ...before, manager: `${host}:${port}` });
    const { refused } = await untilWelcomed(init, from);
    if (refused !== undefined) throw new Error(`${host}:${port} does not want this host: ${refused}`);
  } catch (error) {
    await begin(before);
    throw new ExitError(1, `${(error as Error).message}\nIt goes on looking for ${before.manager}.`);
  }
  process.stdout.write(`This host looks for its manager at ${host}:${port} from now on.\n`);
}

async function tokenOf({ token, tokenFile }: JoinFlags & GlobalOptions): Promise<string> {
  const given = token ?? (tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim());
  if (given === undefined)
    throw usage(
      'A host needs a token to join: --token TOKEN, as `shoal init` said. On the manager, `docker --context shoal swarm join-token worker` says it again.',
    );
  return given;
}

/** Whether there is anything at all is said at once; the agent itself would try for ever. */
function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: connectMs });
    const fail = (why: string) => {
      socket.destroy();
      reject(
        new ExitError(
          1,
          `Nobody answers at ${host}:${port} (${why}). Is the manager up, and may this host reach TCP port ${port} there?`,
        ),
      );
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => fail(`nothing within ${connectMs / 1_000} s`));
    socket.once('error', ({ message }) => fail(message));
  });
}
