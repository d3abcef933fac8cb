/** That long a manager that nobody else asks for anything needs at the very most. */
const firstPatienceMs = 5_000;
/** One that has died meanwhile, without a word, is waited for as long at most. */
const longestPatienceMs = 40_000;
/** A manager that says no won't say yes a moment later; a person has to act. */
const refusedMs = 15_000;

/** Milliseconds to wait after the manager refused this host. */
export const afterRefusalMs = (random: number): number => refusedMs * (0.75 + random / 2);

/**
 * Milliseconds to wait for a Welcome, counted from when the connection stands, after so many connections in a row on which
 * none came. They get longer since who gives up has to ask anew, behind all others: a manager that needs longer to serve
 * all of them would else never get anywhere. Spread by `random` (0…1), so that not all give up at once.
 */
export const welcomePatienceMs = (unanswered: number, random: number): number =>
  Math.min(firstPatienceMs * 2 ** unanswered, longestPatienceMs) * (1 + random / 4);
