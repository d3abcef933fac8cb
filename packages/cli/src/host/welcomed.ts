import { setTimeout as sleep } from 'node:timers/promises';
import { ExitError } from '../exit.ts';
import type { InitSystem } from './init-system.ts';

/** As the agent says it (its session/). */
const sayings = { welcomed: 'connected to the manager', refused: 'the manager refused this host' };
/** It says more, but not that much at once. */
const logLines = 1_000;
/**
 * That long an agent may wait for a welcome before it asks anew: a manager that was just started serves all hosts of a big
 * cluster one after the other (docs/architecture.md, "When things die").
 */
const welcomeMs = 60_000;

/** What came of an agent's first words with its manager. */
export interface Welcomed {
  /** The manager's; undefined if it is too old to say it. */
  readonly release: string | undefined;
  /** Why the manager does not want this host. */
  readonly refused: string | undefined;
}

/**
 * By the agent's own words: a worker may not ask the manager's API. What an agent before this one said, before `from` (ms since
 * the epoch), does not count. Throws an ExitError when nothing comes of it.
 */
export async function untilWelcomed(init: Pick<InitSystem, 'log'>, from: number): Promise<Welcomed> {
  const until = performance.now() + welcomeMs;
  while (performance.now() < until) {
    const words = wordsOf(await init.log('agent', logLines), from);
    const word = words.find(({ msg }) => msg === sayings.welcomed || msg === sayings.refused);
    if (word)
      return {
        release: word.release,
        refused: word.msg === sayings.refused ? (word.reason ?? 'no reason given') : undefined,
      };
    await sleep(200);
  }
  throw new ExitError(
    1,
    `The manager has not taken this host in after ${welcomeMs / 1_000} s; its agent goes on trying. Its last words:\n${await init.log('agent', 8)}`,
  );
}

/** A line of the agent's log. */
interface Word {
  readonly time: number;
  readonly msg: string;
  readonly reason?: string;
  readonly release?: string;
}

/** What the log says since then, ms since the epoch. */
export function wordsOf(log: string, from: number): Word[] {
  return log.split('\n').flatMap((line) => {
    try {
      const word = JSON.parse(line) as Word;
      return word.time >= from ? [word] : [];
    } catch {
      return [];
    }
  });
}
