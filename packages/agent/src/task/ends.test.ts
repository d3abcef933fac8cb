import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unhealthyText } from './ends.ts';

describe('why a container is unhealthy', () => {
  it.each([
    [undefined, 'task: unhealthy container'],
    [{ exitCode: 1, output: '' }, 'task: unhealthy container (last probe: exit code 1)'],
    [
      { exitCode: 7, output: 'curl: (7) Failed\n  to connect\r\n' },
      'task: unhealthy container (last probe: exit code 7: curl: (7) Failed to connect)',
    ],
    [
      { exitCode: -1, output: 'Health check exceeded timeout (2s)' },
      'task: unhealthy container (last probe: Health check exceeded timeout (2s))',
    ],
    [{ exitCode: -1, output: '' }, 'task: unhealthy container'],
  ])('%j', (probe, text) => {
    expect(unhealthyText(probe)).toBe(text);
  });

  it('is one line of bounded length with the end of what was printed', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 600 }), (before) => {
        const text = unhealthyText({ exitCode: 1, output: `${before} the end` });
        expect(text).toMatch(/^task: unhealthy container \(last probe: exit code 1: .*the end\)$/);
        expect(text.length).toBeLessThan(270);
      }),
    );
  });
});
