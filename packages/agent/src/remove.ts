import { removeFromDocker } from './docker/index.ts';
import { removeFromKernel } from './network/index.ts';
import { removeMemoryFolder } from './secrets/index.ts';

/** Called when this host leaves its cluster, after the agent has ended: `remove.mjs PATH_OF_DOCKERS_SOCKET`. */
const [socketPath = '/var/run/docker.sock'] = process.argv.slice(2);
const failures: string[] = [];
const attempt = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    failures.push(error instanceof Error ? error.message : String(error));
    return undefined;
  });
// Each as far as it goes: a daemon that is down must not keep our rules in the kernel. Bridges go with their networks.
const removed = await attempt(removeFromDocker(socketPath));
await attempt(removeFromKernel());
await attempt(removeMemoryFolder());
if (failures.length > 0) {
  process.stderr.write(`${failures.join('\n')}\n`);
  process.exit(1);
}
process.stdout.write(`${JSON.stringify(removed)}\n`);
