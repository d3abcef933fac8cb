import { expect, it } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { Feed } from './feed/index.ts';
import { mostTouched, Session } from './session.ts';

it('tells an agent that is far behind everything, instead of keeping in mind what it missed', async () => {
  const { view } = await Store.open(memoryBackend(), Date.now);
  const feed = new Feed({ view, held: () => false, silent: new Set(), unseal: () => '' });
  const sets: string[] = [];
  const session = new Session('n1', {
    write: ({ body }) => {
      if (body?.$case === 'changes') sets.push(`${body.value.complete} ${body.value.changes.length}`);
      return false;
    },
    end: () => {},
  });
  session.flush(feed, false);
  session.touch('task', 't1');
  expect(session.flush(feed, false)).toBeUndefined();
  session.drained();
  expect(session.flush(feed, false)).toBe(2);
  for (let number = 0; number <= mostTouched; number++) session.touch('task', `t${number}`);
  session.drained();
  expect(session.flush(feed, false)).toBe(3);
  expect(sets).toEqual(['true 0', 'false 1', 'true 0']);
});
