import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, tryRun } from '@shoal/testbed';

const root = join(import.meta.dirname, '../..');

/**
 * The archive of the release before, whose agents have to go on with a newer manager: built, with the packages of today, of the
 * commit whose protocol was kept as that release's in packages/proto/released. Undefined in a clone without its history.
 * `folder` is the caller's to remove.
 */
export async function earlierArchive(): Promise<{ archive: string; folder: string } | undefined> {
  const git = async (...words: string[]) => (await tryRun('git', ['-C', root, ...words])).stdout.trim();
  const kept = await git('log', '-1', '--format=%H', '--', 'packages/proto/released');
  const commit = await git('rev-parse', '--verify', '--quiet', `${kept}^`);
  if (kept === '' || commit === '') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'shoal-earlier-'));
  const sources = join(folder, 'sources.tar');
  await run('git', ['-C', root, 'archive', '--output', sources, commit]);
  await run('tar', ['-xf', sources, '-C', folder]);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const name of readdirSync(join(folder, 'packages'))) {
    const links = join(root, 'packages', name, 'node_modules');
    if (existsSync(links)) cpSync(links, join(folder, 'packages', name, 'node_modules'), linksAsTheyAre);
  }
  mkdirSync(join(folder, 'archives'));
  await run(process.execPath, ['scripts/build.ts', 'archive', process.arch], {
    cwd: folder,
    timeoutMs: 180_000,
  });
  const [archive = ''] = readdirSync(join(folder, 'archives'));
  return { archive: join(folder, 'archives', archive), folder };
}

/** Those to other packages of this repository lead to these packages as they were. */
const linksAsTheyAre = { recursive: true, verbatimSymlinks: true };
