import { CommanderError } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { program } from './program.ts';

const written = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
const complained = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
afterEach(() => {
  written.mockClear();
  complained.mockClear();
});
const run = (...words: string[]) => program().parseAsync(['node', 'shoal', ...words]);
const output = () => written.mock.calls.map(([text]) => String(text)).join('');

test('drills are listed, with what is for the testbed only', async () => {
  await run('drill');
  expect(output()).toMatch(/^host-cut +.*\(testbed only\)$/m);
  expect(output()).toMatch(/^drain +(?!.*testbed)/m);
});

test('as JSON, a line each', async () => {
  await run('--format', 'json', 'drill');
  const lines = output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; safe: boolean });
  expect(lines.find(({ name }) => name === 'flap')?.safe).toBe(false);
});

test('no command has an option that all commands have: it would never get it', () => {
  const all = program().options.map(({ long }) => long);
  const doubled = program().commands.flatMap(({ options }) =>
    options.filter(({ long }) => all.includes(long)),
  );
  expect(doubled).toEqual([]);
});

test.each([
  [['drill', '--replicas', 'many'], /number from 1 to 500/],
  [['--format', 'xml', 'drill'], /Allowed choices are table, json/],
  [['dril'], /unknown command/],
])('%j is called wrongly', async (words, says) => {
  await expect(run(...words)).rejects.toThrow(CommanderError);
  expect(complained.mock.calls.join('')).toMatch(says);
});

test.each([
  [['drill', 'earthquake'], /There is no drill earthquake; there are: host-power-loss/],
  [['-H', 'tcp://10.0.0.5:2475', 'drill', 'host-cut'], /real damage.*not for a live cluster.*npm start/],
  [['-H', 'tcp://10.0.0.5:2475', 'drill', 'drain', '--testbed'], /-H or --testbed, not both/],
  [['-H', 'ssh://h1', 'drill', 'drain'], /no address of a manager/],
  [['-H', 'unix:///nowhere.sock', 'drill', 'drain'], /does not answer: .*ENOENT/],
  [
    ['-H', 'tcp://10.0.0.5:2475', 'backup', '--passphrase-file', '/dev/null', '/nowhere/backup'],
    /The passphrase would go to tcp:\/\/10\.0\.0\.5:2475 in the clear/,
  ],
  [
    ['-H', 'tcp://10.0.0.5:2475', '--token-file', '/dev/null', 'token', 'ls'],
    /the token in \/dev\/null is empty/,
  ],
])('%j is refused before anything is asked', async (words, says) => {
  await expect(run(...words)).rejects.toThrow(says);
});
