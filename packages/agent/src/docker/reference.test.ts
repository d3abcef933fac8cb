import { expect, it } from 'vitest';
import { isImageId, parseReference } from './reference.ts';

it.each([
  ['nginx', 'nginx', 'latest', false],
  ['nginx:1.27', 'nginx', '1.27', false],
  ['host:5000/team/app', 'host:5000/team/app', 'latest', false],
  ['host:5000/team/app:2', 'host:5000/team/app', '2', false],
  ['app@sha256:abc', 'app', 'sha256:abc', true],
  ['host:5000/app:2@sha256:abc', 'host:5000/app', 'sha256:abc', true],
])('%s', (image, name, version, digest) => {
  expect(parseReference(image)).toEqual({ name, version, digest });
});

it('knows ids', () => {
  expect(isImageId(`sha256:${'0'.repeat(64)}`)).toBe(true);
  expect(isImageId('sha256')).toBe(false);
});
