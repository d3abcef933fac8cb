import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import { anApi, anApp, testClock } from './testing.ts';

const seconds = testClock() / 1_000;

describe('the stream of events', () => {
  let app: Awaited<ReturnType<typeof anApp>>;
  let url: string;
  beforeEach(async () => {
    app = await anApp((await anApi()).store);
    const [address = ''] = await listen(app, ['tcp://127.0.0.1:0']);
    url = `${address.replace('tcp:', 'http:')}/events`;
  });
  afterEach(() => app.close());

  const opened = (query = '') =>
    new Promise<IncomingMessage>((resolve, reject) => get(url + query, resolve).on('error', reject));
  const ended = (stream: IncomingMessage) => new Promise((resolve) => stream.once('end', resolve).resume());

  it('ends when the time asked for has come', async () => {
    const stream = await opened(`?until=${seconds}.01`);
    expect(stream.statusCode).toBe(200);
    expect(stream.headers).toMatchObject({ 'content-type': 'application/json', 'api-version': '1.50' });
    await ended(stream);
  });

  it('refuses times that are none, or the wrong way round', async () => {
    for (const query of ['?since=soon', `?since=${seconds}&until=${seconds - 1}`]) {
      const stream = await opened(query);
      expect(stream.statusCode).toBe(400);
      await ended(stream);
    }
  });

  it('stays open until the API closes, which does not wait for it', async () => {
    const stream = await opened();
    expect(stream.statusCode).toBe(200);
    const end = ended(stream);
    await app.close();
    await end;
  });
});
