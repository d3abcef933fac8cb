import { rmSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Restored } from '@shoal/proto/restored';
import { Command } from 'commander';
import type Docker from 'dockerode';
import { ExitError, usage } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import {
  agentPort,
  ensureRequirements,
  type HostSettings,
  identityHere,
  initSystem,
  inPlaceOf,
  insist,
  localManager,
  makeContext,
  onlyAddress,
  paths,
  programsOf,
  readBackup,
  readSettings,
  untilItAnswers,
  untilReady,
  workerToken,
  writeOwn,
  writeSettings,
} from '../host/index.ts';
import { holdLines, type RestoreState, restoreState } from '../host/status/index.ts';
import { managerAt, namedManager } from '../manager/index.ts';
import { checkedAddress, type HostFlags, hostOptions, needRoot, say, words } from './host-options.ts';
import { startWords } from './init.ts';
import { type PassphraseFlags, passphraseOf } from './passphrase.ts';

interface RestoreFlags extends HostFlags, PassphraseFlags {
  readonly api: readonly string[];
  readonly managerArgs: readonly string[];
  readonly force?: true;
  readonly check?: true;
  readonly finish?: true;
}

/** The manager reads its state, the agent looks at the host. */
const startMs = 60_000;
const answerMs = 10_000;
/** Agents come back within seconds. */
const settleMs = 20_000;

const more = `
The manager leads the cluster as it was when the backup was made. Hosts keep their certificates and containers. They are told nothing
until all of them have come and run what the backup says, or until you say \`shoal restore --finish\`: then what it does not
know is stopped, and what it says runs.

If the manager has another address now, say it on every other host: \`shoal join ADDRESS\`.`;

export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('Makes this host the manager of the cluster of a backup.')
    .argument('[file]', 'what `shoal backup` wrote')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: asks on the terminal)')
    .option('--check', 'only says what is in the file, and whether it can be used')
    .option('--force', 'also on a host with a manager, whose state is moved aside')
    .option('--finish', 'has the hosts follow what was restored before')
    .option('--api <address...>', "where the manager serves Docker's API (default: as before)", [])
    .option(
      '--manager-args <words>',
      'more options of the manager (default: its API has the names it had)',
      words,
      [],
    );
  for (const option of hostOptions()) command.addOption(option);
  return command
    .addHelpText('after', more)
    .exitOverride()
    .action(async (file: string | undefined, flags: RestoreFlags, at: Command) => {
      if (flags.finish) return finish(at.optsWithGlobals<GlobalOptions>());
      if (file === undefined) throw usage('Which backup? `shoal restore FILE`; --finish goes without one.');
      const passphrase = await passphraseOf(flags, { isNew: false });
      const found = await readBackup(['--check', file], passphrase);
      if (flags.check) return void process.stdout.write(`${contentsLine(file, found)}\n`);
      needRoot('restore');
      await restore(file, passphrase, found, flags);
    });
}

async function finish(options: GlobalOptions): Promise<void> {
  await namedManager(options).ask('POST', '/shoal/v1/restore/finish');
  process.stdout.write('The hosts follow what was restored.\n');
}

const contentsLine = (file: string, { clusterId, madeAt, release, nodes, services }: Restored): string =>
  `${file}: cluster ${clusterId} as of ${madeAt}, ${services} services, ${nodes.length} nodes, by release ${release}. It can be restored.`;

async function restore(
  file: string,
  passphrase: string,
  found: Restored,
  flags: RestoreFlags,
): Promise<void> {
  const before = readSettings();
  refuse(before, found, flags);
  const settings = settingsOf(flags, found, before);
  await ensureRequirements({ install: flags.installDocker === true, encrypt: false }, say);
  const init = initSystem();
  const [manager, agent] = programsOf(settings);
  if (!manager || !agent) throw new Error('a manager has two programs');
  const [former] = before?.role === 'manager' ? programsOf(before) : [];
  const { unlockKey } = await inPlaceOf(init, 'manager', former, () =>
    readBackup([file, `${paths.state}/manager`], passphrase),
  );
  writeSettings(settings);
  const docker = localManager();
  await init.start(manager);
  try {
    await untilItAnswers(docker, startMs);
    if (unlockKey !== undefined) await unlock(unlockKey);
    await comeIn(docker, settings, found, () => init.start(agent));
    await makeContext();
  } catch (error) {
    const logs = await Promise.all((['manager', 'agent'] as const).map((each) => init.log(each, 8)));
    throw new ExitError(
      1,
      `The state is restored, but this host does not work yet: ${(error as Error).message}\n\nThe manager's last words:\n${logs[0]}\nThe agent's:\n${logs[1]}`,
    );
  }
  const moved = found.formerManager && found.formerManager.address !== settings.advertiseAddr;
  const state = await settled(moved ? 0 : settleMs);
  process.stdout.write(`${outcome(found, settings, state, moved === true).join('\n')}\n`);
  process.stdout.write(startWords(init));
}

/** It was locked when the backup was made, and is so after each start. */
async function unlock(key: string): Promise<void> {
  const manager = managerAt({ address: `unix://${paths.socket}`, socketPath: paths.socket });
  await manager.ask('POST', '/swarm/unlock', { body: { UnlockKey: key } });
}

function refuse(
  before: HostSettings | undefined,
  { clusterId, nodes }: Restored,
  { force }: RestoreFlags,
): void {
  const here = identityHere();
  if (here && here.clusterId !== clusterId)
    throw new ExitError(
      1,
      `This host is in another cluster, ${here.clusterId}; the backup is of ${clusterId}. \`shoal leave\` ends that.`,
    );
  if (here && !nodes.includes(here.nodeId))
    throw new ExitError(
      1,
      'This host joined the cluster after the backup was made, so it would not be known: `shoal leave --force` first, then call this again.',
    );
  if (before?.role === 'manager' && !force)
    throw new ExitError(
      1,
      `This host is a manager already. With --force its state is moved to ${paths.state}/manager.before-restore, and what was changed since the backup is gone.`,
    );
}

function settingsOf(flags: RestoreFlags, found: Restored, before: HostSettings | undefined): HostSettings {
  const advertiseAddr =
    checkedAddress(flags.advertiseAddr) ??
    before?.advertiseAddr ??
    addressHere(found.formerManager?.address) ??
    onlyAddress();
  const hostname = flags.hostname ?? before?.hostname;
  if (found.ownTls && flags.managerArgs.length === 0)
    say(
      'The API showed a certificate of your own, which is in no backup: it shows one of the cluster now. --manager-args "--tls-cert FILE --tls-key FILE" gives it another.',
    );
  const formerArgs = before?.managerArgs.join(' ');
  if (formerArgs && flags.managerArgs.length === 0)
    say(
      `The manager that was here had the options "${formerArgs}", which the restored one has not. --manager-args "${formerArgs}" keeps them.`,
    );
  return {
    role: 'manager',
    advertiseAddr,
    manager: `${advertiseAddr}:${agentPort}`,
    ...(hostname !== undefined && { hostname }),
    api: flags.api.length > 0 ? flags.api : found.api,
    managerArgs:
      flags.managerArgs.length > 0
        ? flags.managerArgs
        : found.tlsNames.flatMap((name) => ['--tls-san', name]),
    agentArgs: flags.agentArgs.length > 0 ? flags.agentArgs : (before?.agentArgs ?? []),
  };
}

/** The former manager's, if this host has it. */
const addressHere = (former: string | undefined): string | undefined =>
  Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ address }) => address === former)?.address;

/**
 * This host's agent comes back as the node that it was. On a fresh host it is a new node; one that stands where the former
 * manager's stood takes over what people had said of that, which is gone for good.
 */
async function comeIn(
  docker: Docker,
  { advertiseAddr }: HostSettings,
  { formerManager, nodes }: Restored,
  startAgent: () => Promise<void>,
): Promise<void> {
  const isKnown = identityHere() !== undefined;
  writeOwn(paths.joinToken, `${await insist(() => workerToken(docker), answerMs)}\n`);
  await startAgent();
  const { id } = await untilReady(docker, advertiseAddr, startMs, isKnown ? [] : nodes);
  // From now on its certificate says who it is.
  rmSync(paths.joinToken);
  if (isKnown || formerManager?.address !== advertiseAddr) return;
  await insist(() => takeOver(docker, formerManager.id, id), answerMs);
}

/** Labels and availability of a node become those of another; it itself is removed. May be called again when that failed half-way. */
async function takeOver(docker: Docker, former: string, id: string): Promise<void> {
  const nodes = await docker.listNodes();
  const found = (nodes as unknown as NodeAnswer[]).find(({ ID }) => ID === former);
  if (!found) return;
  const { Labels, Availability } = found.Spec;
  const node = docker.getNode(id);
  const { Spec, Version } = (await node.inspect()) as NodeAnswer;
  await node.update({ _query: { version: Version.Index }, _body: { ...Spec, Labels, Availability } });
  await docker.getNode(former).remove({ force: true });
}

interface NodeAnswer {
  readonly ID: string;
  readonly Spec: { readonly Labels?: object; readonly Availability?: string };
  readonly Version: { readonly Index: number };
}

/** How it is when it is settled, or after a while. */
async function settled(withinMs: number): Promise<RestoreState> {
  const until = performance.now() + withinMs;
  for (;;) {
    const state = await restoreState();
    if ((state && !state.onHold) || performance.now() > until) return state ?? { onHold: true };
    await sleep(250);
  }
}

function outcome(
  { madeAt, services }: Restored,
  { advertiseAddr }: HostSettings,
  state: RestoreState,
  moved: boolean,
): string[] {
  const is = `The cluster as of ${madeAt} is back, with ${services} services and this host, ${advertiseAddr}, as its manager`;
  if (!state.onHold) return [`${is}. All hosts run what the backup says.`];
  return [
    `${is}; it is on hold.`,
    'Its hosts go on as they are until all of them have come and run what the backup says.',
    '',
    ...holdLines(state).map((line) => `    ${line}`),
    '',
    ...(moved ? [`On every other host: shoal join ${advertiseAddr}`] : []),
    '`shoal status` says how it is. `shoal restore --finish` ends the hold: hosts then follow the backup, also those that come later.',
  ];
}
