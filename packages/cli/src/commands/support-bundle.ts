import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { collect } from '../host/bundle/index.ts';
import { run } from '../host/index.ts';
import { needCluster, needRoot } from './host-options.ts';

export function supportBundleCommand(): Command {
  return new Command('support-bundle')
    .description(
      'Puts logs and state of this host, and on the manager of its cluster, into one archive, without secrets.',
    )
    .argument('[file]', 'a .tar.gz (default: shoal-support-HOST.tar.gz in this folder)')
    .exitOverride()
    .action(async (file: string | undefined) => {
      needRoot('support-bundle');
      const settings = needCluster();
      const target = resolve(file ?? `shoal-support-${hostname()}.tar.gz`);
      const folder = mkdtempSync(join(tmpdir(), 'shoal-support-'));
      try {
        const name = `shoal-support-${hostname()}`;
        for (const [path, text] of await collect(settings)) {
          mkdirSync(join(folder, name, dirname(path)), { recursive: true });
          writeFileSync(join(folder, name, path), text, { mode: 0o600 });
        }
        await run('tar', ['-czf', target, '-C', folder, name], 120_000);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      process.stdout.write(
        `${target}: look through it before you give it away; names and addresses of hosts, services and images are in it.\n`,
      );
    });
}
