import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { gatewaysIn, goesUntracked, NeedsWatch } from './needs-watch.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function aWatch(manager: string, remembered?: object) {
  const stateDir = await mkdtemp(join(tmpdir(), 'shoal-needs-'));
  const file = join(stateDir, 'manager-addresses.json');
  if (remembered) await writeFile(file, JSON.stringify(remembered));
  const watch = new NeedsWatch({
    manager,
    stateDir,
    advertiseAddr: '192.0.2.1',
    probePort: 2481,
    runsManager: false,
    resolvers: () => ['127.0.0.53'],
    connected: () => false,
    onChange: () => {},
    log: pino({ level: 'silent' }),
  });
  cleanUps.push(
    () => watch.close(),
    () => rm(stateDir, { recursive: true }),
  );
  await watch.start();
  return { watch, file };
}

describe('a manager that is called by a name', () => {
  it('is tried by that name, and its addresses are kept', async () => {
    const { watch, file } = await aWatch('localhost:2480');
    expect(watch.manager).toBe('localhost:2480');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ name: 'localhost', addresses: ['127.0.0.1'] });
    expect([...watch.needs.ports.keys()]).toContain('tcp/2480');
  });

  it('is tried at the addresses it had last, in turns, while nobody knows the name; also by the next agent', async () => {
    const addresses = ['192.0.2.8', '192.0.2.9', 'broken'];
    const { watch } = await aWatch('manager.invalid:2480', { name: 'manager.invalid', addresses });
    expect([watch.manager, watch.manager, watch.manager, watch.manager]).toEqual([
      'manager.invalid:2480',
      '192.0.2.8:2480',
      '192.0.2.9:2480',
      'manager.invalid:2480',
    ]);
    expect(watch.needs.addresses.get('192.0.2.9')).toBe('the manager');
    expect(watch.probes).toEqual({
      address: '192.0.2.1',
      port: 2481,
      managers: ['192.0.2.8', '192.0.2.9'],
    });
  });

  it('is tried by the name where there is nothing else: not at what another name stood for', async () => {
    const remembered = { name: 'other.invalid', addresses: ['192.0.2.8'] };
    const { watch } = await aWatch('manager.invalid:2480', remembered);
    expect(watch.manager).toBe('manager.invalid:2480');
  });
});

it('finds the next hosts in what `ip route get` says, but for those that devices of ours lead to', () => {
  const said = [
    '10.217.77.11 dev eth0 src 10.217.77.12 uid 0 \n    cache ',
    '203.0.113.1 via 10.217.77.1 dev eth0 src 10.217.77.12 uid 0 \n    cache ',
    'local 127.0.0.11 dev lo src 127.0.0.1 uid 0 \n    cache <local> ',
    '10.0.0.7 via 198.18.0.2 dev sh.vx src 198.18.0.1 uid 0 \n    cache ',
    '8.8.8.8 via 10.217.77.1 dev eth0 src 10.217.77.12 uid 0 \n    cache ',
  ].join('\n');
  expect(gatewaysIn(said)).toEqual(['10.217.77.1']);
});

it('spares connection tracking the way to the manager only when that is full, and a session is missing or the manager is here', () => {
  const most = 1_000;
  const host = { count: 995, most, isHere: false, connected: false, already: false };
  expect(goesUntracked(host)).toBe(true);
  expect(goesUntracked({ ...host, count: 980 })).toBe(false);
  expect(goesUntracked({ ...host, connected: true })).toBe(false);
  expect(goesUntracked({ ...host, connected: true, isHere: true })).toBe(true);
  // The session that came so lives by it, until there is room again.
  expect(goesUntracked({ ...host, connected: true, already: true, count: 901 })).toBe(true);
  expect(goesUntracked({ ...host, connected: true, already: true, count: 899 })).toBe(false);
  // A kernel that does not say.
  expect(goesUntracked({ ...host, count: 0, most: 0 })).toBe(false);
});
