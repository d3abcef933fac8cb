import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
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
  writeOwn,
  writeSettings,
} from '../host/index.ts';
import { checkedAddress, type HostFlags, hostOptions, needNoCluster, needRoot, say } from './host-options.ts';
import { supervisedWords } from './init.ts';

interface JoinFlags extends HostFlags {
  readonly token?: string;
}

const connectMs = 5_000;
/** The agent has looked at the host and spoken with the manager by then. */
const joinMs = 30_000;
/** As the agent says it (session/). */
const welcomed = 'connected to the manager';
const refused = 'the manager refused this host';

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
  if (member && given.token === undefined && given.tokenFile === undefined) return follow(address, member);
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
  await untilWelcomed(from, () => init.log('agent', 200), settings.manager);
  // From now on its certificate says who it is.
  rmSync(paths.joinToken);
  process.stdout.write(`This host is in the cluster of ${settings.manager}.\n`);
  if (init.name === 'none') process.stdout.write(`${supervisedWords}\n`);
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
    await untilWelcomed(from, () => init.log('agent', 200), `${host}:${port}`);
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

/** By the agent's own words: a worker may not ask the manager's API. What an agent before this one said does not count. */
async function untilWelcomed(from: number, log: () => Promise<string>, manager: string): Promise<void> {
  for (let waited = 0; waited < joinMs; waited += 200) {
    const words = wordsOf(await log(), from);
    if (words.some(({ msg }) => msg === welcomed)) return;
    const refusal = words.find(({ msg }) => msg === refused);
    if (refusal)
      throw new ExitError(
        1,
        `${manager} does not want this host: ${refusal.reason ?? 'no reason given'}\n\`shoal leave\`, then join with the right token.`,
      );
    await sleep(200);
  }
  throw new ExitError(
    1,
    `This host has not joined after ${joinMs / 1_000} s; its agent goes on trying. Its last words:\n${await log()}`,
  );
}

/** A line of the agent's log. */
interface Word {
  readonly time: number;
  readonly msg: string;
  readonly reason?: string;
}

/** What the log says since then, ms since the epoch. */
export function wordsOf(log: string, from: number): Word[] {
  return log.split('\n').flatMap((line) => {
    try {
      const word = JSON.parse(line) as Word;
      return word.time >= from ? [word] : [];
    } catch {
      return [];
    }
  });
}
