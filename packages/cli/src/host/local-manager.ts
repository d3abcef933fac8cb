import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { paths } from './settings.ts';

/** The manager on this host, by its socket. */
export const localManager = (): Docker =>
  new Docker({ socketPath: paths.socket, version: 'v1.41', timeout: 10_000 });

/** Tries until it succeeds; rejects with the last reason. A manager that begins to lead (anew) answers nothing for a moment. */
export async function insist<T>(act: () => Promise<T>, withinMs: number, everyMs = 200): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(everyMs);
    }
  }
}

/** Resolves when it answers; rejects with the last reason. */
export async function untilItAnswers(docker: Docker, withinMs: number): Promise<void> {
  await insist(() => docker.ping(), withinMs, 100);
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

/**
 * Resolves with the node at this address when it is ready; rejects after a while, with its state. The `others`, by their ids, are
 * not meant: one of them may have had the address before.
 */
export function untilReady(
  docker: Docker,
  address: string,
  withinMs: number,
  others: readonly string[] = [],
): Promise<{ readonly id: string; readonly name: string }> {
  return insist(async () => {
    const nodes = await docker.listNodes();
    const node = nodes.find(({ ID, Status }) => Status?.Addr === address && !others.includes(ID));
    if (node?.Status?.State === 'ready') return { id: node.ID, name: node.Description?.Hostname ?? address };
    throw new Error(
      `this host is ${node?.Status?.State ?? 'not'} in the cluster after ${withinMs / 1_000} s`,
    );
  }, withinMs);
}
