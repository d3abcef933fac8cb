import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Host, run, tryRun, until } from '@shoal/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clients,
  cluster,
  create,
  docker,
  image,
  lives,
  removeServices,
  running,
  webSpec,
} from './shared.ts';

const [h1] = cluster.hosts;
const found = await clients();
const folder = mkdtempSync(join(tmpdir(), 'shoal-access-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shoal = (...args: string[]) =>
  run(process.execPath, [join(import.meta.dirname, '../../packages/cli/src/main.ts'), ...args], {
    env: { DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}`, DOCKER_TLS_VERIFY: '' },
  });

describe('over TLS', () => {
  const address = `tcp://${h1.ip}:2476`;

  beforeAll(async () => {
    for (const role of ['viewer', 'operator', 'admin'])
      await shoal('client-cert', role, '--role', role, '--expires', '1h', '--out', join(folder, role));
    mkdirSync(join(folder, 'none'));
    copyFileSync(join(folder, 'viewer', 'ca.pem'), join(folder, 'none', 'ca.pem'));
  });
  afterAll(async () => {
    for (const line of (await shoal('--format', 'json', 'token', 'ls')).split('\n').filter(Boolean))
      await shoal('token', 'revoke', (JSON.parse(line) as { id: string }).id);
  });

  const client = async (path: string, who: string, ...args: string[]) => {
    const result = await tryRun(path, args, {
      timeoutMs: 60_000,
      env: { DOCKER_HOST: address, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(folder, who) },
    });
    return { code: result.code, out: result.stdout, err: result.stderr };
  };
  describe.each(found)('docker client $version', ({ path, version }) => {
    it('comes with a certificate, and may do what its role may', async () => {
      const service = `by-${version.replaceAll('.', '-')}`;
      const make = ['service', 'create', '--detach', '--name', service, image];
      expect(await client(path, 'viewer', ...make)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/needs the role operator; certificate "viewer" has the role viewer/),
      });
      expect((await client(path, 'operator', ...make)).code).toBe(0);
      expect((await client(path, 'viewer', 'service', 'ls', '--format', '{{.Name}}')).out).toContain(service);
      expect(await client(path, 'operator', 'swarm', 'join-token', '-q', 'worker')).toMatchObject({
        code: 1,
        err: expect.stringMatching(/GET \/swarm needs the role admin/),
      });
      expect((await client(path, 'admin', 'swarm', 'join-token', '-q', 'worker')).out).toMatch(/^SHOAL-1-/);
      expect((await client(path, 'operator', 'service', 'rm', service)).code).toBe(0);
    });

    it('comes by a context', async () => {
      const env = { DOCKER_CONFIG: join(folder, `config-${version}`) };
      const [ca, cert, key] = ['ca', 'cert', 'key'].map((file) => join(folder, 'viewer', `${file}.pem`));
      const endpoint = `host=${address},ca=${ca},cert=${cert},key=${key}`;
      await run(path, ['context', 'create', 'shoal', '--docker', endpoint], { env });
      const listed = await run(path, ['--context', 'shoal', 'node', 'ls', '--format', '{{.Hostname}}'], {
        env,
      });
      expect(listed.trim().split('\n').sort()).toEqual(['h1', 'h2', 'h3']);
    });

    it('comes with a token in its configuration', async () => {
      const token = (await shoal('token', 'create', `for-${version}`, '--role', 'viewer')).trim();
      const config = join(folder, `token-${version}`);
      mkdirSync(config);
      const text = JSON.stringify({ HttpHeaders: { Authorization: `Bearer ${token}` } });
      writeFileSync(join(config, 'config.json'), text, { mode: 0o600 });
      const by = (...args: string[]) => client(path, 'none', '--config', config, ...args);
      expect(await by('service', 'ls', '--quiet')).toMatchObject({ code: 0 });
      expect((await by('network', 'create', '-d', 'overlay', 'x')).err).toMatch(
        /needs the role operator; token/,
      );
      await shoal('token', 'revoke', `for-${version}`);
      expect((await by('service', 'ls')).err).toMatch(/this token is unknown, or was revoked/);
    });

    it('is told what to show when it comes with nothing, and nothing at all in the clear', async () => {
      expect((await client(path, 'none', 'service', 'ls')).err).toMatch(/authentication required/);
      const clear = await tryRun(path, ['-H', address, 'service', 'ls'], { timeoutMs: 30_000 });
      expect(clear.code).toBe(1);
    });
  });

  it('takes a token from the environment of docker 27.1 and later', async () => {
    const newer = found.find(({ version }) => Number(version.split('.')[0]) >= 28);
    if (!newer) return;
    const token = (await shoal('token', 'create', 'by-environment', '--role', 'viewer')).trim();
    const { stderr, code } = await tryRun(newer.path, ['service', 'ls', '--quiet'], {
      env: {
        DOCKER_HOST: address,
        DOCKER_TLS_VERIFY: '1',
        DOCKER_CERT_PATH: join(folder, 'none'),
        DOCKER_CUSTOM_HEADERS: `Authorization=Bearer ${token}`,
      },
    });
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('the socket of the manager', () => {
  it('is for root and its group alone', async () => {
    expect((await h1.sh('stat -c %a /run/shoal/shoal.sock')).trim()).toBe('660');
    const ask = 'curl -s --unix-socket /run/shoal/shoal.sock http://shoal/version';
    expect(await h1.sh(ask)).toContain('"Shoal"');
    const other = await tryRun('docker', ['exec', '-u', '65534', h1.container, 'sh', '-c', ask]);
    expect([other.code, other.stdout]).toEqual([7, '']);
  });

  it('is there again after the manager was killed', async () => {
    const pid = await h1.pid('manager');
    await h1.sh(`kill -9 ${pid}`);
    await until(
      'the manager answers again',
      async () => (await docker.ping()) && (await h1.pid('manager')) !== pid,
      {
        timeoutMs: 30_000,
      },
    );
  });
});

describe('no secret value', () => {
  const password = 'planted-registry-password';
  const auth = Buffer.from(JSON.stringify({ username: 'u', password })).toString('base64url');
  const api = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    fetch(`${cluster.apiUrl}${path}`, {
      method,
      headers: { ...(body && { 'Content-Type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    }).then(async (answer) => ({ status: answer.status, text: await answer.text() }));
  const [secret, secretAfter] = ['planted-in-a-secret', 'planted-in-a-secret-since'];
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  afterAll(async () => {
    await removeServices('planted');
    await api('DELETE', '/secrets/planted');
  });

  it('is logged, answered to viewers, stored or in a list of processes', async () => {
    const made = JSON.parse(
      (await api('POST', '/shoal/v1/tokens', { name: 'planted', role: 'viewer' })).text,
    );
    const token: string = made.token;
    const { JoinTokens } = JSON.parse((await api('GET', '/swarm')).text);
    const kept = await api('POST', '/secrets/create', { Name: 'planted', Data: base64(secret) });
    const Secrets = [
      { SecretID: JSON.parse(kept.text).ID, SecretName: 'planted', File: { Name: 'planted', Mode: 0o400 } },
    ];
    await create(
      webSpec('planted', { container: { Env: ['PASSWORD=planted-in-the-environment'], Secrets } }),
    );
    await running('planted', 1);
    const as = { Authorization: `Bearer ${token}` };
    const { Spec, Version } = await docker.getService('planted').inspect();
    const update = `/services/planted/update?version=${Version.Index}`;
    expect((await api('POST', update, Spec, { 'X-Registry-Auth': auth })).status).toBe(200);
    const content = (Data: string) => api('POST', '/shoal/v1/secrets/planted/content', { Data });
    expect((await content(base64(secretAfter))).status).toBe(200);
    // What goes wrong is what gets logged.
    expect((await content(`${base64(secret)}!`)).status).toBe(400);
    expect((await api('POST', '/secrets/create', { Name: 'planted', Data: base64(secret) })).status).toBe(
      409,
    );
    const wrong = { ...as, Authorization: `${as.Authorization}x` };
    expect((await api('GET', '/services', undefined, wrong)).status).toBe(401);
    expect((await api('POST', update, { ...Spec, Nonsense: 1 }, { 'X-Registry-Auth': auth })).status).toBe(
      400,
    );
    await api('GET', '/distribution/registry:5000/missing:1/json', undefined, { 'X-Registry-Auth': auth });
    await api('GET', '/distribution/nowhere.invalid/x:1/json', undefined, { 'X-Registry-Auth': auth });

    const tasks = JSON.parse((await api('GET', '/tasks', undefined, as)).text) as { ID: string }[];
    const paths = ['/version', '/info', '/services', '/services/planted', '/tasks', `/tasks/${tasks[0]?.ID}`];
    paths.push(
      '/nodes',
      '/networks',
      '/secrets',
      '/secrets/planted',
      '/openapi.json',
      `/events?since=1&until=${Math.floor(Date.now() / 1_000)}`,
    );
    let answered = '';
    for (const path of paths) {
      const { status, text } = await api('GET', path, undefined, as);
      expect([path, status]).toEqual([path, 200]);
      answered += text;
    }
    const secrets = {
      token: token.slice(-50),
      worker: JoinTokens.Worker as string,
      manager: JoinTokens.Manager as string,
      auth,
      password,
      secret,
      secretEncoded: base64(secret).slice(0, -4),
    };
    const showing = (text: string, more = {}) =>
      Object.entries({ ...secrets, ...more }).flatMap(([name, value]) =>
        text.includes(value) ? [name] : [],
      );
    expect(showing(answered)).toEqual([]);
    for (const host of cluster.hosts) {
      // First, since the commands below have the values on their own command lines.
      const processes = await host.sh('cat /proc/[0-9]*/cmdline 2>/dev/null || true');
      expect(showing(processes, { environment: 'planted-in-the-environment' })).toEqual([]);
    }
    const files = async (value: string, where: string) => {
      // Copies of the state that another release wrote have more in them.
      const list = (host: Host) =>
        host.sh(`grep -rlaF --exclude='*.format-*' -e '${value}' ${where} || true`);
      return (await Promise.all(cluster.hosts.map(list))).join('');
    };
    for (const value of [...Object.values(secrets), 'planted-in-the-environment'])
      expect(await files(value, '/var/log/shoal')).toBe('');
    for (const value of Object.values(secrets))
      expect(await files(value, '/var/lib/shoal/manager /var/lib/shoal/agent')).toBe('');
    expect((await api('DELETE', '/shoal/v1/tokens/planted')).status).toBe(204);
  });
});

it('leaves no file of state open to others', async () => {
  const open = (host: Host) =>
    host.sh(
      'find /var/lib/shoal/manager /var/lib/shoal/agent ! -type s ! -type l -perm /077 2>/dev/null || true',
    );
  expect(await Promise.all(cluster.hosts.map(open))).toEqual(cluster.hosts.map(() => ''));
  expect(await h1.sh('ls /var/lib/shoal/manager')).toContain('state.sqlite-wal');
});

describe('autolock', () => {
  const [client] = found;
  const swarm = async (input: string, ...args: string[]) => {
    const { code, stdout, stderr } = await tryRun(client?.path ?? 'docker', args, {
      input,
      timeoutMs: 60_000,
      env: { DOCKER_HOST: `tcp://127.0.0.1:${cluster.options.apiPort}` },
    });
    return { code, out: stdout, err: stderr };
  };
  const ok = async (...args: string[]) => {
    const { code, out, err } = await swarm('', ...args);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    return out;
  };
  const state = async () => (await swarm('', 'info', '--format', '{{.Swarm.LocalNodeState}}')).out.trim();
  const killed = async () => {
    const pid = await h1.pid('manager');
    await h1.sh(`kill -9 ${pid}`);
    await until(
      'the manager is there again',
      async () => (await h1.pid('manager')) !== pid && ['locked', 'active'].includes(await state()),
      { timeoutMs: 30_000 },
    );
    return state();
  };
  let key = '';

  afterAll(async () => {
    if ((await state()) === 'locked') await swarm(`${key}\n`, 'swarm', 'unlock');
    await swarm('', 'swarm', 'update', '--autolock=false');
    await cluster.waitReady();
    await removeServices('kept');
  });

  it('locks a manager that starts until docker swarm unlock; what runs goes on meanwhile', async () => {
    await create(webSpec('kept', { replicas: 3 }));
    await running('kept', 3);
    const before = await lives('kept');
    const printed = await ok('swarm', 'update', '--autolock=true');
    key = /SWMKEY-1-[\w+/]{43}/.exec(printed)?.[0] ?? '';
    expect(printed).toContain('Swarm updated.');
    expect(key).not.toBe('');
    expect((await ok('swarm', 'unlock-key', '--quiet')).trim()).toBe(key);
    expect(await h1.sh('ls /var/lib/shoal/manager')).not.toContain('sealing.key');

    expect(await killed()).toBe('locked');
    expect(await ok('info')).toContain('Swarm: locked');
    for (const args of [
      ['node', 'ls'],
      ['service', 'ls'],
      ['swarm', 'unlock-key'],
      ['swarm', 'update', '--autolock=false'],
    ])
      expect(await swarm('', ...args)).toMatchObject({
        code: 1,
        err: expect.stringContaining('Swarm is encrypted and needs to be unlocked before it can be used.'),
      });
    expect(await swarm('SWMKEY-1-wrong\n', 'swarm', 'unlock')).toMatchObject({
      code: 1,
      err: expect.stringContaining('swarm could not be unlocked: invalid key provided'),
    });
    expect(await lives('kept')).toEqual(before);
    expect((await swarm(`${key}\n`, 'swarm', 'unlock')).code).toBe(0);
    await cluster.waitReady();
    expect((await running('kept', 3)).length).toBe(3);
    expect(await lives('kept')).toEqual(before);
    expect((await swarm('', 'swarm', 'unlock')).err).toContain('swarm is not locked');
  });

  it('is unlocked by the rotated key alone, and not locked any more when it is turned off', async () => {
    const former = key;
    const printed = await ok('swarm', 'unlock-key', '--rotate');
    expect(printed).toContain('Successfully rotated manager unlock key.');
    key = /SWMKEY-1-[\w+/]{43}/.exec(printed)?.[0] ?? '';
    expect(await killed()).toBe('locked');
    expect((await swarm(`${former}\n`, 'swarm', 'unlock')).code).toBe(1);
    expect((await swarm(`${key}\n`, 'swarm', 'unlock')).code).toBe(0);
    await ok('swarm', 'update', '--autolock=false');
    expect((await swarm('', 'swarm', 'unlock-key')).err).toContain('no unlock key is set');
    expect(await killed()).toBe('active');
    for (const value of [former, key])
      expect(await h1.sh(`grep -rlaF -e '${value}' /var/lib/shoal /var/log/shoal || true`)).toBe('');
  });
});

it('has an audit of what was changed, that holds', async () => {
  await shoal('token', 'create', 'audited', '--role', 'viewer');
  await shoal('token', 'revoke', 'audited');
  expect(await shoal('audit', '--tail', '2')).toMatch(
    /socket +- +201 +POST \/shoal\/v1\/tokens \(audited\)\n.* 204 +DELETE \/shoal\/v1\/tokens\/audited\n/,
  );
  expect(await shoal('audit', 'verify')).toMatch(
    /^\d+ records from \d+ to \d+, the last with the hash [\da-f]{64}\n$/,
  );
});
