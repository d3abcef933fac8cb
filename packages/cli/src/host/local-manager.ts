import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { paths } from './settings.ts';

/** The manager on this host, by its socket. */
export const localManager = (): Docker =>
  new Docker({ socketPath: paths.socket, version: 'v1.41', timeout: 10_000 });

/** Resolves when it answers; rejects with the last reason. */
export async function untilItAnswers(docker: Docker, withinMs: number): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      await docker.ping();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(100);
    }
  }
}

/** What a host that joins has to show. */
export async function workerToken(docker: Docker): Promise<string> {
  const { JoinTokens } = (await docker.swarmInspect()) as { JoinTokens?: { Worker?: string } };
  if (!JoinTokens?.Worker) throw new Error('the manager did not tell its join token');
  return JoinTokens.Worker;
}

/** Overlay networks made from now on are encrypted, unless their option says otherwise. */
export async function encryptByDefault(docker: Docker): Promise<void> {
  const { Version, Spec } = (await docker.swarmInspect()) as {
    Version: { Index: number };
    Spec: { Labels?: Record<string, string> };
  };
  const Labels = { ...Spec.Labels, 'shoal.encrypt': 'on' };
  await docker.swarmUpdate({ _query: { version: Version.Index }, _body: { ...Spec, Labels } });
}

/** Resolves with the node's name when the node at this address is ready; rejects after a while, with its state. */
export async function untilReady(docker: Docker, address: string, withinMs: number): Promise<string> {
  const until = performance.now() + withinMs;
  for (;;) {
    const nodes = await docker.listNodes();
    const node = nodes.find(({ Status }) => Status?.Addr === address);
    if (node?.Status?.State === 'ready') return node.Description?.Hostname ?? address;
    if (performance.now() > until)
      throw new Error(
        `this host is ${node?.Status?.State ?? 'not'} in the cluster after ${withinMs / 1_000} s`,
      );
    await sleep(200);
  }
}
