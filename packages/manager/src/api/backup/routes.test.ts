import { expect, it } from 'vitest';
import { anApi, audit } from '../testing.ts';

it('a backup is a file, and in the audit without its passphrase', async () => {
  const { call } = await anApi();
  const { status, headers, text } = await call('POST', '/shoal/v1/backup', { passphrase: 'correct horse' });
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([
    200,
    'application/octet-stream',
    'no-store',
  ]);
  expect(text).toBe('a backup, sealed by 13 letters');
  const [record] = await audit.tail(1);
  expect(record).toMatchObject({ method: 'POST', path: '/shoal/v1/backup', status: 200 });
  expect(JSON.stringify(record)).not.toContain('horse');
});

it('a passphrase that is too short is refused, without being repeated', async () => {
  const { call } = await anApi();
  const { status, body } = await call('POST', '/shoal/v1/backup', { passphrase: 'short' });
  expect(status).toBe(400);
  expect(body.message).toMatch(/passphrase/);
  expect(body.message).not.toContain('short');
});

it('a manager that was not restored has nothing to finish', async () => {
  const { call } = await anApi();
  expect((await call('GET', '/shoal/v1/restore')).body).toEqual({ onHold: false });
  expect(await call('POST', '/shoal/v1/restore/finish')).toMatchObject({
    status: 409,
    body: { message: expect.stringMatching(/not on hold/) },
  });
});
