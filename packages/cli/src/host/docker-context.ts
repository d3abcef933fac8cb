import { tryRun } from './run.ts';
import { paths } from './settings.ts';

const name = 'shoal';
const endpoint = `host=unix://${paths.socket}`;

/** `docker --context shoal …` speaks to the cluster, for whoever called us; everything else stays as it was. */
export async function makeContext(): Promise<void> {
  const of = ['--description', 'The Shoal cluster', '--docker', endpoint];
  if ((await tryRun('docker', ['context', 'inspect', name])).code === 0)
    await tryRun('docker', ['context', 'update', ...of, name]);
  else await tryRun('docker', ['context', 'create', ...of, name]);
}

export async function removeContext(): Promise<void> {
  await tryRun('docker', ['context', 'rm', '--force', name]);
}
