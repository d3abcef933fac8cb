import { expect, test } from 'vitest';
import { isNewer } from './release.ts';

test.each([
  ['0.2.0-aaaa', '0.1.9-bbbb', true],
  ['0.10.0', '0.9.0', true],
  ['1.0.0-aaaa', '0.9.9', true],
  ['0.1.0-aaaa', '0.1.0-bbbb', false],
  ['0.1.9', '0.2.0', false],
  ['0.9.9', '1.0.0', false],
])('%s newer than %s: %s', (release, than, newer) => expect(isNewer(release, than)).toBe(newer));
