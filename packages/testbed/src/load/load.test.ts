import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Load } from './load.ts';

let server: Server;
let url: string;
let status = 200;

beforeEach(async () => {
  status = 200;
  server = createServer((_, response) => {
    response.statusCode = status;
    response.end('x');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

test('counts every request once and keeps to its rate', async () => {
  const load = Load.start({ target: () => url, concurrency: 4, ratePerSecond: 100 });
  await sleep(500);
  const report = await load.stop();
  expect(report.failed).toBe(0);
  expect(report.ok).toBeGreaterThan(30);
  expect(report.ok).toBeLessThan(80);
  expect(report.slots.reduce((sum, slot) => sum + slot.ok, 0)).toBe(report.ok);
  expect(report.maxMs).toBeGreaterThanOrEqual(report.p50Ms);
});

test('a bad status, a slow answer and a refused connection are failures, with their reason', async () => {
  const load = Load.start({ target: () => url, concurrency: 1, ratePerSecond: 50, timeoutMs: 300 });
  await sleep(100);
  status = 503;
  await sleep(150);
  server.close();
  server.closeAllConnections();
  await sleep(150);
  const { failures, ok } = await load.stop();
  expect(ok).toBeGreaterThan(0);
  expect(failures.some(({ why }) => why === 'status 503')).toBe(true);
  expect(failures.some(({ why }) => why.includes('ECONNREFUSED'))).toBe(true);
});

test('ends by itself', async () => {
  const load = Load.start({ target: () => url, concurrency: 2, ratePerSecond: 50, maxMs: 100 });
  await sleep(250);
  const before = load.answered;
  await sleep(100);
  expect(load.answered).toBe(before);
  await load.stop();
});

test('refuses to load other machines', () => {
  expect(() => Load.start({ target: () => 'http://example.org/', concurrency: 1 })).toThrow(
    /not to example.org/,
  );
});
