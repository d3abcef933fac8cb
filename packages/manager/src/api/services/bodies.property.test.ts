import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullService, odd, pathsOf, replaced } from '../bodies.fixture.ts';
import { anApi } from '../testing.ts';

const { Networks: _, ...TaskTemplate } = fullService.TaskTemplate ?? {};
/** Networks would have to be there. */
const full = { ...fullService, TaskTemplate };

describe('whatever the body', () => {
  it('the service is created, or refused with 400 and nothing changed', async () => {
    const { call, store } = await anApi();
    expect((await call('POST', '/services/create', { ...full, Name: 'whole' })).status).toBe(201);
    const bodies = fc
      .tuple(fc.constantFrom(...pathsOf(full)), odd)
      .map(([path, value]) => replaced(full, path, value));
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const before = store.revision;
        const { status, body: answer } = await call('POST', '/services/create', body);
        expect(status).toBeOneOf([201, 400]);
        if (status === 400) {
          expect(answer.message).not.toBe('');
          expect(store.revision).toBe(before);
        } else {
          expect((await call('GET', `/services/${answer.ID}?insertDefaults=true`)).status).toBe(200);
          await call('DELETE', `/services/${answer.ID}`);
        }
      }),
      { numRuns: 300 },
    );
  });
});
