import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryRun } from '@shoal/testbed';
import type { DrillOutcome } from '@shoal/testbed/drill';
import { afterAll, expect, it } from 'vitest';
import { cluster, docker } from './shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-drills-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the `shoal` command as a user of a clone does; its testbed is this suite's cluster. */
async function shoal(...words: string[]): Promise<{ code: number; lines: { type: string }[]; err: string }> {
  const { project, apiPort, registryPort, net } = cluster.options;
  const { code, stdout, stderr } = await tryRun(
    'npm',
    ['run', '-s', 'shoal', '--', '--format', 'json', ...words],
    {
      timeoutMs: 400_000,
      env: {
        SHOAL_PROJECT: project,
        SHOAL_API_PORT: String(apiPort),
        SHOAL_REGISTRY_PORT: String(registryPort),
        SHOAL_NET: net,
      },
    },
  );
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { type: string });
  return { code, lines, err: stderr };
}

const outcomeIn = (lines: readonly { type: string }[]): DrillOutcome => {
  const last = lines.at(-1);
  expect(last?.type).toBe('outcome');
  return last as unknown as DrillOutcome;
};
const figure = (outcome: DrillOutcome, name: string): number | undefined =>
  outcome.figures.find((each) => each.name === name)?.value;
const broken = (outcome: DrillOutcome): string[] =>
  outcome.invariants.filter(({ holds }) => holds === false).map(({ name, says }) => `${name}: ${says}`);
const services = async () => (await docker.listServices()).map(({ Spec }) => Spec?.Name);

// How long things take is not looked at here: other work on this machine would fail the test.
it('a rolling update on a live cluster, after --yes only', async () => {
  const live = [
    '-H',
    `tcp://127.0.0.1:${cluster.options.apiPort}`,
    'drill',
    'rolling-update',
    '--replicas',
    '4',
  ];
  const refused = await shoal(...live);
  expect(refused).toMatchObject({ code: 2, lines: [], err: expect.stringContaining('--yes') });
  const { code, lines, err } = await shoal(...live, '--yes');
  const outcome = outcomeIn(lines);
  expect({ err, broken: broken(outcome) }).toEqual({ err: '', broken: [] });
  expect(outcome.invariants.find(({ name }) => name === 'none orphaned')).not.toHaveProperty('holds');
  expect(figure(outcome, 'tasks started')).toBe(4);
  expect(figure(outcome, 'requests lost')).toBe(0);
  expect(code).toBe(outcome.passed ? 0 : 1);
  expect(await services()).not.toContain('shoal-drill');
}, 400_000);

it('a cut cable on the testbed, with a report', async () => {
  const report = join(folder, 'cut.html');
  const { code, lines, err } = await shoal('drill', 'host-cut', 'h2', '--replicas', '6', '--report', report);
  const outcome = outcomeIn(lines);
  expect({ err, broken: broken(outcome) }).toEqual({ err: '', broken: [] });
  expect(code).toBe(outcome.passed ? 0 : 1);
  for (const name of ['detected', 'traffic recovered', 'replaced', 'balanced'])
    expect(figure(outcome, name), name).toBeGreaterThan(0);
  expect(outcome.spread).toEqual({ h1: 2, h2: 2, h3: 2 });
  for (const type of ['phase', 'mark', 'node', 'task', 'requests'])
    expect(
      lines.some((line) => line.type === type),
      type,
    ).toBe(true);
  const page = readFileSync(report, 'utf8');
  expect(page).toMatch(/^<!doctype html>.*host-cut on h2.*<svg .*<\/html>\s*$/s);
  expect(page).not.toMatch(/<script|\bsrc=|\bhref=|https?:/);
  expect(await services()).not.toContain('shoal-drill');
}, 400_000);
