import type { Host } from '@shoal/testbed';
import { cluster, containersOn, create, docker, running, webSpec } from './shared.ts';

/** What the example web server says. */
export interface Web {
  name: string;
  client: string;
}

const networks = new Map<string, string>();
/** Makes an overlay network, for `on` to name. */
export const network = async (name: string, options: object = {}): Promise<string> => {
  const { id } = await docker.createNetwork({ Name: name, Driver: 'overlay', ...options });
  networks.set(name, id);
  return id;
};
/** The part of a task's spec that puts it on these networks. */
export const on = (...names: string[]) => ({
  Networks: names.map((name) => ({ Target: networks.get(name) })),
});
export const published = (port: number) => ({
  EndpointSpec: { Ports: [{ TargetPort: 8080, PublishedPort: port, Protocol: 'tcp' }] },
});

/** A container to ask from, on a host of its own choice. */
export async function client(name: string, host: string, ...of: string[]): Promise<Asker> {
  const placement = { Placement: { Constraints: [`node.hostname==${host}`] } };
  await create(
    webSpec(name, { container: { Command: ['sleep', '1000'] }, task: { ...on(...of), ...placement } }),
  );
  await running(name, 1);
  const [container] = await containersOn(cluster.host(host), name);
  return new Asker(cluster.host(host), container?.Id ?? '');
}

export class Asker {
  readonly host: Host;
  readonly id: string;
  constructor(host: Host, id: string) {
    this.host = host;
    this.id = id;
  }
  run(...command: string[]): Promise<string> {
    return this.host.exec(['docker', 'exec', this.id, ...command], { timeoutMs: 120_000 });
  }
  /** What `count` new connections to a URL are answered. */
  async ask(url: string, count = 1): Promise<Web[]> {
    const script = `(async () => { for (let i = 0; i < ${count}; i++) {
      const answer = await fetch(${JSON.stringify(url)}, { headers: { connection: 'close' }, signal: AbortSignal.timeout(3000) });
      console.log(await answer.text()); } })().catch((error) => { console.error(error.cause ?? error); process.exit(1); });`;
    return (await this.run('node', '-e', script))
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Web);
  }
  /** The error of one connection: `ECONNREFUSED`, or how long nothing happened. */
  fails(url: string): Promise<string> {
    const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(2500) }).then(() => console.log('answered'),
      (error) => console.log(error.cause?.code ?? error.name));`;
    return this.run('node', '-e', script).then((text) => text.trim());
  }
  async lookup(name: string): Promise<string[]> {
    const script = `require('dns').promises.resolve4(${JSON.stringify(name)}).then((all) => console.log(all.sort().join()), (error) => console.log(error.code));`;
    return (await this.run('node', '-e', script)).trim().split(',');
  }
}

/** Removes the networks that this file's tests made; their services must be gone. */
export async function removeNetworks(): Promise<void> {
  for (const id of networks.values()) await docker.getNetwork(id).remove();
  networks.clear();
}
