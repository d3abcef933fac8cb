import { join } from 'node:path';
import { ExitError } from '../exit.ts';
import { run, tryRun } from './run.ts';
import { paths } from './settings.ts';

interface Requirement {
  readonly program: string;
  readonly args: readonly string[];
  readonly what: string;
  /** In Debian and what comes of it; elsewhere mostly the same. */
  readonly packages: readonly string[];
}

const always: readonly Requirement[] = [
  { program: 'docker', args: ['--version'], what: 'Docker', packages: ['docker.io'] },
  { program: 'nft', args: ['--version'], what: 'nftables', packages: ['nftables'] },
  { program: 'iptables', args: ['-V'], what: 'iptables', packages: ['iptables'] },
  { program: 'ip', args: ['-V'], what: 'iproute2', packages: ['iproute2'] },
  { program: 'conntrack', args: ['-V'], what: 'conntrack', packages: ['conntrack'] },
];

const forEncryption: readonly Requirement[] = [
  { program: 'wg', args: ['--version'], what: 'WireGuard', packages: ['wireguard-tools'] },
];

/** Each as the words before the packages' names. */
const installers: readonly { readonly program: string; readonly steps: readonly string[][] }[] = [
  {
    program: 'apt-get',
    steps: [
      ['apt-get', '-qq', 'update'],
      ['apt-get', '-qq', '-y', '--no-install-recommends', 'install'],
    ],
  },
];

/**
 * Sees to it that this host has what Shoal needs. Without `install` an ExitError says what is missing and how to get it;
 * with it, that comes from the distribution's packages.
 */
export async function ensureRequirements(
  { install, encrypt }: { readonly install: boolean; readonly encrypt: boolean },
  say: (line: string) => void,
): Promise<void> {
  const required = encrypt ? [...always, ...forEncryption] : always;
  const missing = await missingOf(required);
  if (missing.length > 0) {
    if (!install) throw new ExitError(1, missingWords(missing));
    await installPackages(await packagesOf(missing), say);
    const still = await missingOf(required);
    if (still.length > 0) throw new ExitError(1, `After that, still: ${missingWords(still)}`);
  }
  await ensureDaemon();
  await ensureItSuits();
}

async function missingOf(requirements: readonly Requirement[]): Promise<Requirement[]> {
  const found = await Promise.all(
    requirements.map(async (each) => (await tryRun(each.program, each.args)).code === undefined),
  );
  return requirements.filter((_, index) => found[index]);
}

export function missingWords(missing: readonly Pick<Requirement, 'what' | 'packages'>[]): string {
  const names = missing.map(({ what }) => what).join(', ');
  const packages = missing.flatMap((each) => each.packages).join(' ');
  return [
    `This host does not have: ${names}.`,
    `With --install-docker Shoal installs that from the distribution's packages; by hand: apt-get install ${packages}`,
  ].join('\n');
}

/** Newer Debian has the docker command in a package of its own. */
async function packagesOf(missing: readonly Requirement[]): Promise<string[]> {
  const names = missing.flatMap(({ packages }) => packages);
  if (!names.includes('docker.io')) return names;
  await tryRun('apt-get', ['-qq', 'update'], 300_000);
  const { stdout } = await tryRun('apt-cache', ['show', 'docker-cli']);
  return stdout.trim() === '' ? names : [...names, 'docker-cli'];
}

async function installPackages(packages: readonly string[], say: (line: string) => void): Promise<void> {
  for (const { program, steps } of installers) {
    if ((await tryRun(program, ['--version'])).code !== 0) continue;
    say(`installing ${packages.join(' ')} …`);
    for (const [index, [command = '', ...args]] of steps.entries())
      await run(
        'env',
        ['DEBIAN_FRONTEND=noninteractive', command, ...args, ...(index === steps.length - 1 ? packages : [])],
        900_000,
      );
    return;
  }
  throw new ExitError(
    1,
    `Shoal knows no package manager of this host (it knows ${installers.map(({ program }) => program).join(', ')}): install ${packages.join(' ')} by hand.`,
  );
}

/** A daemon that was just installed may be starting. */
async function ensureDaemon(): Promise<void> {
  const version = ['version', '--format', '{{.Server.Version}}'];
  const ask = () => tryRun('docker', ['-H', `unix://${paths.dockerSocket}`, ...version]);
  let answer = await ask();
  if (answer.code === 0) return;
  await tryRun('systemctl', ['start', 'docker']);
  for (let tries = 0; tries < 20 && answer.code !== 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    answer = await ask();
  }
  if (answer.code === 0) return;
  throw new ExitError(
    1,
    `The Docker daemon does not answer at ${paths.dockerSocket}: ${answer.stderr.trim()}\nStart it (with systemd: \`systemctl start docker\`), then call this again.`,
  );
}

/** The agent would join, and then say so of every network. */
async function ensureItSuits(): Promise<void> {
  const trouble = await run(process.execPath, [join(paths.current, 'agent/check.mjs'), paths.dockerSocket]);
  if (trouble !== '') throw new ExitError(1, `This host can not be in a cluster: ${trouble}.`);
}
