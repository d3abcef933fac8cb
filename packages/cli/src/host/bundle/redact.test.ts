import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact, redactObject } from './redact.ts';

test.each([
  'join with SHOAL-1-0123456789abcdef-XYZ now',
  'unlock with SWMKEY-1-0123456789abcdef/hunter2+hunter2 now',
  'SHOAL_JOIN_TOKEN=hunter2hunter2 node',
  '{"joinToken":"hunter2hunter2"}',
  'Authorization: Bearer hunter2hunter2',
  'X-Registry-Auth: hunter2hunter2',
  'password=hunter2hunter2',
  'https://me:hunter2hunter2@registry.example/v2/',
  '-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----',
  '-----BEGIN EC PRIVATE KEY-----\nhunter2hunter2 and then it was cut off',
])('nothing secret is left of %j', (text) => {
  expect(redact(text)).not.toMatch(/hunter2|0123456789abcdef/);
});

test('what tells something stays', () => {
  const line = '{"level":30,"nodeId":"abc","token":"","msg":"agent connected to 10.0.0.1:2480"}';
  expect(redact(line)).toBe(line);
});

test('an object keeps its shape; values that people chose are gone wherever they are', () => {
  const planted = fc.constantFrom('hunter2');
  fc.assert(
    fc.property(planted, fc.constantFrom('Env', 'Args', 'Command', 'Data', 'JoinTokens'), (value, field) => {
      const object = {
        Spec: [{ Deep: { Name: 'web', [field]: field === 'Env' ? [`A=${value}`] : [value] } }],
      };
      const text = JSON.stringify(redactObject(object));
      expect(text).not.toContain(value);
      expect(text).toContain('web');
    }),
  );
  expect(redactObject({ Env: ['A=1', 'B'] })).toEqual({ Env: ['A=[taken out]', 'B=[taken out]'] });
});
