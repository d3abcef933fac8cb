import { join } from 'node:path';
import { ROOT, run } from '../machine/index.ts';
import { ensureBaseImage } from './base-image.ts';
import { aptContext, build, layer, nodeLayer, type Source } from './layers.ts';

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
  const node = await nodeLayer('bookworm');
  const redis = await layer('redis', await ensureBaseImage('bookworm'), await aptContext('bookworm'));
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
  const base = await layer('bench', await nodeLayer('bookworm'), await aptContext('bookworm'));
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
