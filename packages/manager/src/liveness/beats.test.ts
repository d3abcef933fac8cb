import { describe, expect, it } from 'vitest';
import { fitBeats } from './beats.ts';

const running = () => false;
const over = () => true;

describe('beats', () => {
  it('stay as they are among as many nodes, also while a few come and go', () => {
    for (const nodes of [1_001, 1_200, 1_300, 950])
      expect(fitBeats(nodes, 750, running)).toEqual({ tell: 750, write: 750 });
  });

  it('that get longer are told once they are durable', () => {
    expect(fitBeats(5_000, 500, over)).toEqual({ tell: 500, write: 4_000 });
    expect(fitBeats(5_000, 4_000, over)).toEqual({ tell: 4_000, write: 4_000 });
  });

  it('that get shorter are durable once no lease is left that needs more patience', () => {
    expect(fitBeats(3, 4_000, running)).toEqual({ tell: 500, write: 4_000 });
    expect(fitBeats(3, 4_000, over)).toEqual({ tell: 500, write: 500 });
    const asked: number[] = [];
    fitBeats(3, 4_000, (ms) => asked.push(ms) > 0);
    expect(asked).toEqual([15_000]);
  });
});
