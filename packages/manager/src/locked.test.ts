import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from './eventually.fixture.ts';
import { alone } from './leadership/index.ts';
import { Manager, type ManagerOptions } from './manager.ts';
import { purposes, type Sealed } from './model/index.ts';
import { seal } from './trust/seal.ts';
import { aVault } from './trust/testing.ts';

let stateDir: string;
const said: string[] = [];
const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'shoal-locked-'));
  said.length = 0;
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(stateDir, { recursive: true });
});

/** A manager on this folder, as `main.ts` starts it. */
async function start(change: Partial<ManagerOptions> = {}) {
  const manager = await Manager.start({
    stateDir,
    api: ['http://127.0.0.1:0', 'tcp://127.0.0.1:0'],
    tls: {},
    tlsNames: [],
    agentListen: '127.0.0.1:0',
    log: pino({ level: 'debug' }, { write: (line: string) => void said.push(line) }),
    follow: () => alone(stateDir),
    ...change,
  });
  const close = () => manager.close();
  closers.push(close);
  const ask = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${manager.addresses[0]}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    };
  };
  const autolock = async (AutoLockManagers: boolean): Promise<string> => {
    const { Version, Spec } = (await ask('GET', '/swarm')).body;
    const spec = { ...Spec, EncryptionConfig: { AutoLockManagers } };
    expect((await ask('POST', `/swarm/update?version=${Version.Index}`, spec)).status).toBe(200);
    return (await ask('GET', '/swarm/unlockkey')).body.UnlockKey;
  };
  return { manager, close, ask, autolock };
}

const inFolder = (): string =>
  readdirSync(stateDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
    .join('');

const auth = 'planted-registry-credentials';
const spec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'web:1' } } };

it('leaves nothing in the clear of state that an earlier release wrote, but in the copy for going back', async () => {
  const file = join(stateDir, 'state.sqlite');
  const first = await start();
  await first.ask('POST', '/services/create', spec);
  const { JoinTokens } = (await first.ask('GET', '/swarm')).body;
  await first.close();
  // As format 3 had it: no data key, the root's key sealed with the manager's own, and credentials in the clear.
  const db = new DatabaseSync(file);
  const key = Buffer.from(readFileSync(join(stateDir, 'sealing.key'), 'utf8'), 'base64');
  const rowOf = (kind: string) =>
    JSON.parse((db.prepare('SELECT json FROM objects WHERE kind = ?').get(kind) as { json: string }).json);
  const put = (kind: string, object: object) =>
    db.prepare('UPDATE objects SET json = ? WHERE kind = ?').run(JSON.stringify(object), kind);
  const { sealing, ...cluster } = rowOf('clusters');
  const vault = aVault(key);
  vault.open(sealing);
  const former = (purpose: string, sealed: Sealed) => seal(key, purpose, vault.unseal(purpose, sealed));
  const { root, joinSecrets } = cluster.trust;
  root.key = former(purposes.rootKey, root.key);
  for (const role of ['worker', 'manager'])
    joinSecrets[role] = former(purposes.joinSecret(role), joinSecrets[role]);
  put('clusters', cluster);
  const service = rowOf('services');
  put('services', { ...service, shoal: { ...service.shoal, registryAuth: auth } });
  db.exec('PRAGMA user_version = 3');
  db.close();

  const { ask, autolock } = await start();
  expect((await ask('GET', '/swarm')).body.JoinTokens).toEqual(JoinTokens);
  for (const name of ['state.sqlite', 'state.sqlite-wal'])
    expect([name, readFileSync(join(stateDir, name), 'latin1').includes(auth)]).toEqual([name, false]);
  expect(readFileSync(`${file}.format-3`, 'latin1')).toContain(auth);
  await autolock(true);
  expect(readdirSync(stateDir).sort()).toEqual(['audit', 'state.sqlite', 'state.sqlite-wal']);
  expect(inFolder()).not.toContain(auth);
});

describe('a manager with autolock on', () => {
  it('is locked after its start, says so in the words of Docker, and leads when it is unlocked', async () => {
    const first = await start();
    const { JoinTokens } = (await first.ask('GET', '/swarm')).body;
    await first.ask('POST', '/services/create', spec, { 'x-registry-auth': auth });
    const key = await first.autolock(true);
    expect(readdirSync(stateDir)).not.toContain('sealing.key');
    await first.close();

    const { manager, ask, autolock } = await start();
    expect(manager.isLocked).toBe(true);
    expect(manager.addresses).toHaveLength(1);
    const info = (await ask('GET', '/v1.41/info')).body;
    expect(info.Swarm).toMatchObject({ LocalNodeState: 'locked', ControlAvailable: false });
    expect((await ask('GET', '/_ping')).headers.get('swarm')).toBe('locked');
    expect((await ask('GET', '/healthz')).status).toBe(200);
    const words =
      /^Swarm is encrypted and needs to be unlocked before it can be used\. .*"docker swarm unlock"/;
    for (const [method, path] of [
      ['GET', '/services'],
      ['GET', '/swarm'],
      ['GET', '/swarm/unlockkey'],
      ['POST', '/services/create'],
      ['GET', '/readyz'],
      ['DELETE', '/nodes/x'],
    ] as const)
      expect(await ask(method, path)).toMatchObject({
        status: 503,
        body: { message: expect.stringMatching(words) },
      });
    for (const wrong of ['', 'SWMKEY-1-', key.toLowerCase()])
      expect(await ask('POST', '/swarm/unlock', { UnlockKey: wrong })).toMatchObject({
        status: 401,
        body: { message: 'swarm could not be unlocked: invalid key provided' },
      });
    expect(manager.isLocked).toBe(true);
    // A page elsewhere may not ask a browser to try keys.
    expect(
      (await ask('POST', '/swarm/unlock', { UnlockKey: key }, { origin: 'http://elsewhere' })).status,
    ).toBe(403);

    // Twice at a time is once.
    const unlocks = [1, 2].map(() => ask('POST', '/swarm/unlock', { UnlockKey: key }));
    expect((await Promise.all(unlocks)).map(({ status }) => status)).toEqual([200, 200]);
    expect(manager.isLocked).toBe(false);
    expect(manager.addresses).toHaveLength(2);
    expect((await ask('GET', '/swarm')).body.JoinTokens).toEqual(JoinTokens);
    expect((await ask('GET', '/services')).body).toMatchObject([{ Spec: { Name: 'web' } }]);
    const { body } = await ask('GET', '/shoal/v1/audit?tail=20');
    const audited = (body as { path: string; status: number }[]).map(
      ({ path, status }) => `${path} ${status}`,
    );
    expect(audited).toEqual(
      expect.arrayContaining(['/swarm/unlockkey 200', '/swarm/unlock 401', '/swarm/unlock 200']),
    );

    // What was planted is in no file and no log.
    const secrets = [auth, key, key.slice('SWMKEY-1-'.length), JoinTokens.Worker, JoinTokens.Manager];
    const stored = inFolder();
    for (const secret of secrets) {
      expect(stored).not.toContain(secret);
      expect(said.join('')).not.toContain(secret);
    }

    // Off again: the key beside the state opens it, and the unlock key nothing.
    expect(await autolock(false)).toBe('');
    await manager.close();
    const last = await start();
    expect(last.manager.isLocked).toBe(false);
    expect((await last.ask('GET', '/swarm')).body.JoinTokens).toEqual(JoinTokens);
  }, 60_000);

  it('is closed while it is locked', async () => {
    const first = await start();
    await first.autolock(true);
    await first.close();
    const locked = await start();
    await locked.close();
    await expect(fetch(`${locked.manager.addresses[0]}/info`)).rejects.toThrow();
  });

  it('leads again by itself when a commit ended without an answer, with the key that opens what is on the disk', async () => {
    let isLost = false;
    const { ask, autolock } = await start({
      follow: async () => {
        const sqlite = await alone(stateDir);
        return {
          ...sqlite,
          commit: async (batches) => {
            const outcome = await sqlite.commit(batches);
            return isLost ? 'unknown' : outcome;
          },
        };
      },
    });
    isLost = true;
    const { Version, Spec } = (await ask('GET', '/swarm')).body;
    const change = { ...Spec, EncryptionConfig: { AutoLockManagers: true } };
    expect((await ask('POST', `/swarm/update?version=${Version.Index}`, change)).status).toBe(503);
    isLost = false;
    await eventually(async () =>
      expect((await ask('GET', '/swarm')).body.Spec?.EncryptionConfig).toEqual({ AutoLockManagers: true }),
    );
    expect(existsSync(join(stateDir, 'sealing.key'))).toBe(false);
    expect((await ask('GET', '/swarm/unlockkey')).body.UnlockKey).toMatch(/^SWMKEY-1-/);
    await autolock(false);
  }, 60_000);
});

it.each([
  ['its own key', {}],
  ['a key that is elsewhere', { sealingKeyFile: 'elsewhere.key' }],
])(
  'with autolock leaves nothing that %s opens, and keeps the copy that an upgrade makes later',
  async (_what, { sealingKeyFile }: { sealingKeyFile?: string }) => {
    const change = sealingKeyFile === undefined ? {} : { sealingKeyFile: join(stateDir, sealingKeyFile) };
    const aside = `${stateDir}.before-restore-2`;
    closers.push(async () => rmSync(aside, { recursive: true }));
    mkdirSync(aside);
    for (const name of ['sealing.key', 'state.sqlite']) writeFileSync(join(aside, name), '');
    const copy = (format: number) => join(stateDir, `state.sqlite.format-${format}`);
    writeFileSync(copy(2), '', { mode: 0o600 });
    const first = await start(change);
    const unlockKey = await first.autolock(true);
    expect(existsSync(copy(2))).toBe(false);
    expect(readdirSync(aside)).toEqual(['state.sqlite']);
    await first.close();
    writeFileSync(copy(3), '', { mode: 0o600 });
    const { ask } = await start(change);
    expect((await ask('POST', '/swarm/unlock', { UnlockKey: unlockKey })).status).toBe(200);
    expect(existsSync(copy(3))).toBe(true);
  },
);

it('has its key from a file or the environment, which it never removes', async () => {
  const file = join(stateDir, 'elsewhere.key');
  const first = await start({ sealingKeyFile: file });
  expect(existsSync(join(stateDir, 'sealing.key'))).toBe(false);
  await first.autolock(true);
  expect(existsSync(file)).toBe(true);
  await first.autolock(false);
  await first.close();
  // The same key, from the environment.
  const sealingKey = readFileSync(file, 'utf8');
  const second = await start({ sealingKey });
  expect((await second.ask('GET', '/swarm')).status).toBe(200);
  await second.close();
  await expect(start({ sealingKey: Buffer.alloc(32).toString('base64') })).rejects.toThrow(
    'SHOAL_SEALING_KEY is not the key that this state was sealed with',
  );
  await expect(start({ sealingKey: 'short' })).rejects.toThrow(
    'SHOAL_SEALING_KEY does not hold a key of 32 bytes',
  );
  await expect(start()).rejects.toThrow(/sealing\.key is missing/);
});

it('closes its state to others, and says what was open', async () => {
  chmodSync(stateDir, 0o755);
  writeFileSync(join(stateDir, 'state.sqlite.format-2'), '', { mode: 0o644 });
  // Somebody else's, in a folder that was not chosen well.
  writeFileSync(join(stateDir, 'notes'), '', { mode: 0o644 });
  const { close } = await start();
  expect(said.join('')).toContain('state.sqlite.format-2 had mode 644');
  const files = readdirSync(stateDir, { recursive: true }).map((name) => join(stateDir, String(name)));
  const open = [stateDir, ...files].filter((path) => (statSync(path).mode & 0o077) !== 0);
  expect(open).toEqual([join(stateDir, 'notes')]);
  expect(files.some((path) => path.endsWith('state.sqlite-wal'))).toBe(true);
  await close();
  chmodSync(join(stateDir, 'sealing.key'), 0o644);
  await expect(start()).rejects.toThrow(/sealing\.key has mode 644/);
});
