import { DRILLS, type DrillRecord, outcomeOf } from '@shoal/testbed/drill';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escaped } from './markup.ts';
import { reportPage } from './page.ts';

const drill = DRILLS.find(({ name }) => name === 'host-cut');
if (!drill) throw new Error('there is no drill host-cut');

const page = (hostname: string, why: string) => {
  const record: DrillRecord = {
    drill: 'host-cut',
    victim: hostname,
    hosts: ['h1', hostname],
    desired: 2,
    before: ['a', 'b'],
    beginMs: 0,
    endMs: 30_000,
    events: [
      { type: 'node', atMs: 0, host: 'h1', state: 'ready' },
      { type: 'node', atMs: 0, host: hostname, state: 'ready' },
      { type: 'task', atMs: 1, task: { id: 'a', slot: 1, host: 'h1', desired: 'running', state: 'running' } },
      {
        type: 'task',
        atMs: 1,
        task: { id: 'b', slot: 2, host: hostname, desired: 'running', state: 'running' },
      },
      { type: 'mark', atMs: 3_000, mark: 'struck' },
      { type: 'node', atMs: 4_300, host: hostname, state: 'down' },
      {
        type: 'task',
        atMs: 5_000,
        task: { id: 'c', slot: 2, host: 'h1', desired: 'running', state: 'running' },
      },
      { type: 'mark', atMs: 9_000, mark: 'healed' },
    ],
    slots: Array.from({ length: 300 }, (_, index) => ({
      atMs: index * 100,
      ok: 6,
      failed: index === 31 ? 2 : 0,
      maxMs: 3,
    })),
    failures: [{ why, through: '10.0.0.1', count: 2, firstMs: 3_100, lastMs: 3_150 }],
    answers: [],
    containers: undefined,
  };
  return reportPage(record, outcomeOf(record, drill), drill);
};

/** The elements of well-formed markup, in order; throws if one is not closed. */
function elements(markup: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  for (const [, close, name = '', attributes = ''] of markup.matchAll(
    /<(\/?)([a-z][\w-]*)((?:\s[\w-]+="[^"<]*")*)>/gi,
  )) {
    if (name === 'meta') continue;
    if (!close) {
      open.push(name);
      seen.push(`${name}${attributes}`);
    } else if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join()}`);
  return seen;
}

test('the page is whole, has both pictures with their marks, and loads nothing', () => {
  const text = page('h2', 'no answer within 1000 ms');
  const found = elements(text);
  expect(found.filter((each) => each.startsWith('svg'))).toHaveLength(2);
  expect(text).toContain('detected +1.30 s');
  expect(text).toContain('replaced +2.00 s');
  expect(text).not.toMatch(/<script|<link|<img|\bsrc=|\bhref=|url\(|@import|https?:/);
});

test('whatever hosts and errors are called stays text', () => {
  const evil = '"><script>alert(1)</script>&\'';
  expect(page(evil, evil)).not.toContain('<script');
  elements(page(evil, evil));
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escaped(text)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
    }),
  );
});
