import { expect, test } from 'vitest';
import { says } from './app.ts';

test('a stored spec says what was wanted, even if defaults were filled in', () => {
  const wanted = { Name: 'web', Mode: { Replicated: { Replicas: 6 } }, Env: ['A=1'] };
  expect(says({ ...wanted, Labels: {}, Mode: { Replicated: { Replicas: 6 }, Extra: 0 } }, wanted)).toBe(true);
  expect(says({ ...wanted, Mode: { Replicated: { Replicas: 5 } } }, wanted)).toBe(false);
  expect(says({ ...wanted, Env: ['A=1', 'B=2'] }, wanted)).toBe(false);
  expect(says({ ...wanted, Mode: null }, wanted)).toBe(false);
  expect(says(undefined, wanted)).toBe(false);
});
