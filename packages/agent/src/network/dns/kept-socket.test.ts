import { expect, it, onTestFinished } from 'vitest';
import { keepOpen, type OpenSocket } from './kept-socket.ts';

function keep(open: () => OpenSocket) {
  const seen: string[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const done = keepOpen(async () => open(), {
    signal: stop.signal,
    onTried: (error) => seen.push(error ?? 'open'),
    onLost: (reason) => seen.push(`lost: ${reason}`),
  });
  return { seen, stop, done };
}

const alive = {
  lost: new Promise<string>(() => undefined),
  probe: async () => undefined,
  close: () => undefined,
};

it('opens again what could not be opened, and what was lost', async () => {
  const results = [
    () => {
      throw new Error('EADDRNOTAVAIL');
    },
    () => ({ ...alive, lost: Promise.resolve('ECONNABORTED') }),
    () => alive,
  ];
  const { seen, stop, done } = keep(() => (results.shift() ?? (() => alive))());
  await expect.poll(() => seen).toEqual(['EADDRNOTAVAIL', 'open', 'lost: ECONNABORTED', 'open']);
  stop.abort();
  await done;
  expect(seen).toHaveLength(4);
});

it('opens again within 5 s what does not answer, but forgives one missed probe', async () => {
  let probes = 0;
  let closed = 0;
  const dying: OpenSocket = {
    ...alive,
    probe: async () => {
      probes++;
      if (probes !== 2) throw new Error('no answer');
    },
    close: () => closed++,
  };
  const sockets = [dying];
  const { seen } = keep(() => sockets.shift() ?? alive);
  await expect.poll(() => seen).toEqual(['open', 'lost: no answer', 'open']);
  expect([probes, closed]).toEqual([4, 1]);
});
