import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faults, type Host, httpJson, run, tryRun, until } from '@shoal/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  containersOn,
  create,
  docker,
  image,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

const [client] = await clients();
const api = { DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}` };

async function ok(...args: string[]): Promise<string> {
  const { code, out, err } = await cli(client?.path ?? 'docker', ...args);
  expect([args.join(' '), code, code === 0 ? '' : err]).toEqual([args.join(' '), 0, '']);
  return out.trim();
}

/** With what it reads on its standard input. */
async function fed(input: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryRun(client?.path ?? 'docker', args, {
    input,
    timeoutMs: 60_000,
    env: api,
  });
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout.trim();
}

const shoal = (input: string, ...args: string[]) =>
  run(process.execPath, [join(import.meta.dirname, '../../packages/cli/src/main.ts'), ...args], {
    input,
    env: api,
  });

/** What the containers of a service say to a command, one after the other, by host. */
async function inEach(service: string, command: string): Promise<string[]> {
  const all = cluster.hosts.map(async (host) =>
    Promise.all(
      (await containersOn(host, service)).map(({ Id }) =>
        host.exec(['docker', 'exec', Id, 'sh', '-c', command]),
      ),
    ),
  );
  return (await Promise.all(all)).flat().map((text) => text.trim());
}

/** Files of the state of Shoal and Docker, and of what they log, that have the value in them. */
const onDisk = async (value: string): Promise<string[]> => {
  const folders =
    '/var/lib/shoal /var/log/shoal /var/lib/docker/containers /var/lib/docker/volumes /etc /root /tmp';
  const found = await Promise.all(
    cluster.hosts.map((host: Host) => host.sh(`grep -rlaF -e '${value}' ${folders} 2>/dev/null || true`)),
  );
  return found.flatMap((text) => text.split('\n').filter(Boolean));
};

const inMemory = async (): Promise<string[]> => {
  const list = cluster.hosts.map((host) => host.sh('find /run/shoal/secrets -type f 2>/dev/null || true'));
  return (await Promise.all(list)).flatMap((text) => text.split('\n').filter(Boolean));
};

beforeAll(async () => {
  await fed('planted-secret-one', 'secret', 'create', '--label', 'team=blue', 'key', '-');
  await fed('config-one', 'config', 'create', 'conf', '-');
});
afterAll(async () => {
  await faults.healAll(cluster);
  await removeServices('files', 'plain', 'told', 'told_web');
  for (const name of ['key']) await tryRun(client?.path ?? 'docker', ['secret', 'rm', name], { env: api });
  for (const name of ['conf', 'told'])
    await tryRun(client?.path ?? 'docker', ['config', 'rm', name], { env: api });
});

describe('secrets and configs', () => {
  it('are made, listed, inspected, and never show a secret', async () => {
    expect(await ok('secret', 'ls', '--filter', 'label=team', '--format', '{{.Name}}')).toBe('key');
    const shown = await ok('secret', 'inspect', 'key');
    expect(JSON.parse(shown)[0].Spec).toEqual({ Name: 'key', Labels: { team: 'blue' } });
    expect(await ok('config', 'inspect', '--pretty', 'conf')).toContain('config-one');
    expect((await cli(client?.path ?? 'docker', 'secret', 'inspect', 'none')).err).toMatch(
      /no such secret|not found/i,
    );
  });

  it('are files of containers, with owner and permissions, in the memory of their hosts alone', async () => {
    const secret = 'source=key,target=tls/key.pem,uid=33,gid=34,mode=0400';
    await ok(
      ...['service', 'create', '--quiet', '--name', 'files', '--replicas', '2', '--secret', secret],
      ...['--config', 'source=conf,target=/etc/shop/conf,mode=0555', '--update-order', 'start-first', image],
    );
    await running('files', 2);
    expect(
      await inEach('files', 'cat /run/secrets/tls/key.pem; stat -c " %u %g %a" /run/secrets/tls/key.pem'),
    ).toEqual(Array(2).fill('planted-secret-one 33 34 400'));
    expect(await inEach('files', 'cat /etc/shop/conf; stat -c " %u %g %a" /etc/shop/conf')).toEqual(
      Array(2).fill('config-one 0 0 555'),
    );
    expect(await inMemory()).toHaveLength(4);
    for (const value of [
      'planted-secret-one',
      Buffer.from('planted-secret-one').toString('base64').slice(0, 22),
    ])
      expect(await onDisk(value)).toEqual([]);
  });

  it('can not be removed while a service uses them, which is named', async () => {
    const { code, err } = await cli(client?.path ?? 'docker', 'secret', 'rm', 'key');
    expect(code).toBe(1);
    expect(err).toContain("secret 'key' is in use by the following service: files");
  });

  it('hold something else, and their users roll over, and back', async () => {
    expect(await shoal('planted-secret-two', 'secret', 'update', 'key', '-')).toContain(
      'holds content 2: updating files',
    );
    const contents = () => inEach('files', 'cat /run/secrets/tls/key.pem');
    await until(
      'both have the new one',
      async () => (await contents()).join() === 'planted-secret-two,planted-secret-two',
      {
        timeoutMs: 60_000,
      },
    );
    const [task] = await running('files', 2);
    const explained = await httpJson<{ files: object[] }>(
      `${cluster.apiUrl}/shoal/v1/tasks/${task?.ID}/explain`,
    );
    expect(explained.files[0]).toMatchObject({ kind: 'secret', name: 'key', contentVersion: 2, newest: 2 });
    await ok('service', 'rollback', '--detach=false', '--quiet', 'files');
    await running('files', 2);
    expect(await contents()).toEqual(Array(2).fill('planted-secret-one'));
    expect(await onDisk('planted-secret-two')).toEqual([]);
  });

  it('outlive the agent, so that a container starts again while nobody knows them', async () => {
    const tasks = await tasksOf('files');
    expect(tasks.length).toBeGreaterThan(0);
    for (const host of cluster.hosts) await host.sh('kill -9 "$(cat /run/shoal/agent.pid)"');
    await until(
      'agents are there again',
      async () => (await docker.listNodes()).every(({ Status }) => Status?.State === 'ready'),
      {
        timeoutMs: 30_000,
      },
    );
    await running('files', 2);
    expect(await inMemory()).toHaveLength(4);
    expect(await inEach('files', 'cat /run/secrets/tls/key.pem')).toEqual(
      Array(2).fill('planted-secret-one'),
    );
  });

  it('go with the last task that has them', async () => {
    await removeServices('files');
    await until(
      'no host has any',
      async (seen) => {
        const left = await inMemory();
        seen(left);
        return left.length === 0;
      },
      { timeoutMs: 30_000 },
    );
    await ok('secret', 'rm', 'key');
    await fed('planted-secret-one', 'secret', 'create', 'key', '-');
  });

  it('do not outlive the power of a host, which then waits with their tasks for the manager', async () => {
    const [h1, h2] = cluster.hosts as [Host, Host, Host];
    const at = ['--constraint', 'node.hostname==h2', '--restart-delay', '0.5s', image];
    await ok('service', 'create', '--quiet', '--name', 'files', '--secret', 'key', ...at);
    await ok('service', 'create', '--quiet', '--name', 'plain', ...at);
    await running('files', 1);
    await running('plain', 1);
    await faults.killProcess(h1, 'manager', { hold: true });
    try {
      await faults.powerLoss(h2);
      await until('what has none runs again', async () => (await containersOn(h2, 'plain')).length === 1, {
        timeoutMs: 60_000,
      });
      expect(await containersOn(h2, 'files')).toEqual([]);
      expect(await inMemory()).toEqual([]);
    } finally {
      await faults.resume(h1, 'manager');
    }
    await cluster.waitReady();
    // Until its host is heard, the manager knows the task as it was.
    const read = async () => (await inEach('files', 'cat /run/secrets/key')).join();
    await until('it runs again, with its secret', async () => (await read()) === 'planted-secret-one', {
      timeoutMs: 60_000,
    });
    await removeServices('files', 'plain');
  });

  it('come with a stack, which changes nothing the second time, and go with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-stack-'));
    try {
      writeFileSync(join(folder, 'key'), 'planted-secret-of-a-stack');
      writeFileSync(join(folder, 'conf'), 'stack');
      const stack = {
        version: '3.8',
        services: {
          web: {
            image,
            secrets: [{ source: 'key', target: 'key', mode: 0o440 }],
            configs: [{ source: 'conf', target: '/etc/conf' }],
            environment: ['AT={{.Node.Hostname}}'],
          },
        },
        secrets: { key: { file: './key' } },
        configs: { conf: { file: './conf' } },
      };
      writeFileSync(join(folder, 'stack.json'), JSON.stringify(stack));
      const deploy = () => ok('stack', 'deploy', '--compose-file', join(folder, 'stack.json'), 'told');
      await deploy();
      const [task] = await running('told_web', 1);
      expect(await inEach('told_web', 'cat /run/secrets/key /etc/conf')).toEqual([
        'planted-secret-of-a-stackstack',
      ]);
      await deploy();
      expect((await running('told_web', 1))[0]?.ID).toBe(task?.ID);
      await ok('stack', 'rm', 'told');
      expect(await ok('secret', 'ls', '--quiet', '--filter', 'name=told_key')).toBe('');
      await removeServices('told_web');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are filled in for each task, as are the environment and the host name', async () => {
    await fed(
      '{{.Service.Name}}.{{.Task.Slot}} on {{.Node.Hostname}}: {{secret "key"}} {{env "TEAM"}}',
      ...['config', 'create', '--template-driver', 'golang', 'told', '-'],
    );
    const idOf = async (kind: string, name: string) =>
      (await httpJson<{ ID: string }>(`${cluster.apiUrl}/${kind}s/${name}`)).ID;
    const [key, told] = [await idOf('secret', 'key'), await idOf('config', 'told')];
    const File = { UID: '0', GID: '0', Mode: 0o444 };
    await create(
      webSpec('told', {
        container: {
          Env: ['TEAM=blue', 'WHERE={{.Node.Hostname}}/{{.Task.Slot}}'],
          Hostname: '{{.Service.Name}}-{{.Task.Slot}}',
          Secrets: [{ SecretID: key, SecretName: 'key', File: { ...File, Name: 'key' } }],
          Configs: [{ ConfigID: told, ConfigName: 'told', File: { ...File, Name: '/told' } }],
        },
      }),
    );
    const [task] = await running('told', 1);
    const { Description } = await docker.getNode(task?.NodeID ?? '').inspect();
    const name = Description.Hostname;
    expect(await inEach('told', 'cat /told; echo " $WHERE $(hostname)"')).toEqual([
      `told.1 on ${name}: planted-secret-one blue ${name}/1 told-1`,
    ]);
    expect(await onDisk('planted-secret-one blue')).toEqual([]);
  });
});
