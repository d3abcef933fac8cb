import { tryRun } from './run.ts';
import { paths } from './settings.ts';

const name = 'shoal';
const endpoint = `host=unix://${paths.socket}`;

/**
 * `docker --context shoal …` speaks to the cluster, for whoever called us; everything else stays as it was. Returns how docker is
 * called then: with its address where there is no docker command to keep a context.
 */
export async function makeContext(): Promise<string> {
  const of = ['--description', 'The Shoal cluster', '--docker', endpoint];
  const verb = (await tryRun('docker', ['context', 'inspect', name])).code === 0 ? 'update' : 'create';
  const { code } = await tryRun('docker', ['context', verb, ...of, name]);
  return code === 0 ? `docker --context ${name}` : `docker -H unix://${paths.socket}`;
}

export async function removeContext(): Promise<void> {
  await tryRun('docker', ['context', 'rm', '--force', name]);
}
