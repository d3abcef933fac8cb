import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OwnNews } from './own-news.ts';

type Event = 'own begins' | 'own is told' | 'stranger is told';

it('never misses a stranger, and without one never sees one', () => {
  const anyEvents = fc.array(fc.constantFrom<Event>('own begins', 'own is told', 'stranger is told'));
  fc.assert(
    fc.property(anyEvents, (events) => {
      const news = new OwnNews();
      let begun = 0;
      let strangers = 0;
      let looks = 0;
      const told = () => {
        if (!news.isOwn(0)) looks++;
      };
      for (const event of events) {
        if (event === 'own begins') {
          news.expect(0);
          begun++;
        } else if (event === 'stranger is told') {
          strangers++;
          told();
        } else if (begun > 0) {
          begun--;
          told();
        }
      }
      // What is late comes in the end.
      for (; begun > 0; begun--) told();
      expect(looks).toBe(strangers);
    }),
  );
});

it('expects nothing of a transaction that failed, or that was made too long ago', () => {
  const news = new OwnNews();
  news.expect(0);
  news.failed();
  expect(news.isOwn(1)).toBe(false);
  news.expect(0);
  expect(news.isOwn(60_000)).toBe(false);
  news.expect(60_000);
  expect(news.isOwn(60_300)).toBe(true);
});

it('does not gather what it expects while nobody tells anything', () => {
  const news = new OwnNews();
  for (let now = 0; now <= 60_000; now += 1_000) news.expect(now);
  expect(news.size).toBeLessThan(10);
});
