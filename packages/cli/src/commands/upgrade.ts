import { readdirSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { ExitError } from '../exit.ts';
import {
  bringStateBack,
  forgetStateCopies,
  type HostSettings,
  identityHere,
  initSystem,
  isNewer,
  localManager,
  paths,
  programsOf,
  untilItAnswers,
  untilWelcomed,
} from '../host/index.ts';
import { statusFacts } from '../host/status/index.ts';
import { needCluster, needRoot, say } from './host-options.ts';

const startMs = 60_000;
/** A program that ends by itself does so within this time. */
const steadyMs = 3_000;

export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description(
      "Lets this host's programs run in the release that this command is of; containers run on meanwhile.",
    )
    .addHelpText(
      'after',
      `
On each host, one after the other, the manager's first: unpack the new release's archive, and there \`sh install.sh upgrade\`. It
returns when the host is in the cluster again. If its programs do not stay up, or the manager is of an older release, the host goes
back to the release of before, the manager's with the state of before. That release is kept, older ones are removed.`,
    )
    .exitOverride()
    .action(async () => {
      needRoot('upgrade');
      process.stdout.write(`${await upgrade(needCluster())}\n`);
    });
}

async function upgrade(settings: HostSettings): Promise<string> {
  // Of the command itself, cli/main.mjs there: Node may be a link to another one.
  const release = dirname(dirname(realpathSync(process.argv[1] ?? '')));
  if (dirname(release) !== join(paths.home, 'releases'))
    throw new ExitError(
      1,
      `This command is of no release in ${paths.home}/releases: put one there with install.sh.`,
    );
  const before = basename(readlinkSync(paths.current));
  const name = basename(release);
  if (before === name) return `This host runs in release ${name} already.`;
  say(`from release ${before} to ${name} …`);
  forgetStateCopies();
  point(name);
  try {
    const managers = await restart(settings);
    if (settings.role === 'worker' && isNewer(name, managers ?? ''))
      throw new Error(
        `its manager, ${settings.manager}, is of ${managers ?? 'an older release'} still: upgrade that host first`,
      );
  } catch (error) {
    const back = await goBack(settings, before).then(
      () => `This host is back in ${before}.`,
      (worse: Error) => `Going back to ${before} failed as well: ${worse.message}`,
    );
    throw new ExitError(1, `Release ${name} does not work here: ${(error as Error).message}\n${back}`);
  }
  for (const other of readdirSync(join(paths.home, 'releases')))
    if (other !== name && other !== before)
      rmSync(join(paths.home, 'releases', other), { recursive: true, force: true });
  return `This host runs in release ${name}.${(await isLocked(settings)) ? ' Its manager is locked, since autolock is on: docker --context shoal swarm unlock' : ''}`;
}

async function isLocked(settings: HostSettings): Promise<boolean> {
  const { cluster } = await statusFacts(settings);
  return cluster !== undefined && 'error' in cluster && cluster.locked;
}

/** The state before the release: whichever release runs then can read it. */
async function goBack(settings: HostSettings, before: string): Promise<void> {
  // One that is being started again and again would have the state in use.
  if (settings.role === 'manager') await initSystem().remove('manager');
  if (bringStateBack())
    say('the state of the cluster is that of before the upgrade; changes since then are lost');
  point(before);
  await restart(settings);
}

/** At no time there is none. */
function point(release: string): void {
  const next = `${paths.current}.new`;
  rmSync(next, { force: true });
  symlinkSync(`releases/${release}`, next);
  renameSync(next, paths.current);
}

/**
 * The manager before the agent. Rejects when one does not stay up, or the host is not in its cluster again; but a manager that is
 * locked lets nobody in. Resolves with the release of the manager, undefined if that does not say it.
 */
async function restart(settings: HostSettings): Promise<string | undefined> {
  const init = initSystem();
  const from = Date.now();
  for (const program of programsOf(settings)) {
    await init.start(program);
    if (program.name === 'manager') await untilItAnswers(localManager(), startMs);
  }
  await sleep(steadyMs);
  for (const { name } of programsOf(settings))
    if (!(await init.isRunning(name)))
      throw new Error(`the ${name} ends by itself:\n${await init.log(name, 8)}`);
  if (settings.role === 'manager') {
    await untilItAnswers(localManager(), startMs);
    // Nor can an agent get in that an earlier release left without a certificate.
    if ((await isLocked(settings)) || !identityHere()) return undefined;
  }
  const { release, refused } = await untilWelcomed(init, from);
  if (refused !== undefined) throw new Error(`${settings.manager} does not want this host: ${refused}`);
  return release;
}
