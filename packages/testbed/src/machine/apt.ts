import { existsSync } from 'node:fs';
import { run, tryRun } from './run.ts';
import { say, step, TestbedError } from './say.ts';

let updated = false;

export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Installs Debian packages, or says in one sentence what the user has to do. */
export async function install(why: string, packages: readonly string[]): Promise<void> {
  const names = packages.join(' ');
  if (!canInstall()) {
    throw new TestbedError(
      `${why}: please install ${names} (apt-get install ${names}), or run this as root on Debian or Ubuntu.`,
    );
  }
  say(`${why}: installing Debian's packages ${names}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!updated) {
    await step('apt-get update', () => run('apt-get', ['-qq', 'update'], { timeoutMs: 180_000, env }));
    updated = true;
  }
  await step('apt-get install', () =>
    run('apt-get', ['-qq', '-y', 'install', '--no-install-recommends', ...packages], {
      timeoutMs: 600_000,
      env,
    }),
  );
}

export interface AptSource {
  uri: string;
  suite: string;
  component: string;
}

/** Where a suite's packages come from: as this machine has it among its own sources, else the archive that those are of. */
export async function sourcesOf(suite: string): Promise<AptSource[]> {
  const all = await debianSources();
  const own = all.filter((source) => source.suite.split('-')[0] === suite);
  if (own.length > 0) return own;
  // Updates and security have a dash in their names, and may be elsewhere.
  const main = all.find((source) => !source.suite.includes('-') && source.component === 'main');
  return [{ uri: main?.uri ?? 'http://deb.debian.org/debian', suite, component: 'main' }];
}

/** This machine's own; none on other distributions. */
async function debianSources(): Promise<AptSource[]> {
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)';
  const listed = await tryRun('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const sources = new Map<string, AptSource>();
  for (const line of listed.stdout.split('\n')) {
    const [uri, suite, component, origin] = line.split('|');
    if (!uri || !suite || !component || origin !== 'Debian') continue;
    sources.set(line, { uri, suite, component });
  }
  return [...sources.values()];
}
