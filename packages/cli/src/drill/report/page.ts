import type { Drill, DrillOutcome, DrillRecord, Moments } from '@shoal/testbed/drill';
import { figureText, goalText } from '../outcome-lines.ts';
import { escaped, element as tag } from './markup.ts';
import { STYLE } from './style.ts';
import { type Span, seconds, timeline } from './timeline.ts';

/** What a drill was and what it amounts to, as one HTML page that needs nothing else. */
export function reportPage(record: DrillRecord, outcome: DrillOutcome, drill: Drill): string {
  const title = `${outcome.drill} on ${outcome.victim}`;
  return `<!doctype html>
${tag(
  'html',
  { lang: 'en' },
  tag(
    'head',
    {},
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    tag('title', {}, escaped(`${title}: ${outcome.passed ? 'passed' : 'failed'}`)),
    tag('style', {}, STYLE),
  ),
  tag(
    'body',
    {},
    tag(
      'main',
      {},
      heading(record, outcome, drill, title),
      pictures(record, outcome.moments),
      verdicts(outcome),
      happened(record, outcome.moments),
    ),
  ),
)}
`;
}

function heading(record: DrillRecord, outcome: DrillOutcome, drill: Drill, title: string): string {
  const verdict = outcome.passed ? 'passed' : 'failed';
  const when = new Date(outcome.moments.struck)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace('T', ' ');
  const about = `${drill.says[0]?.toUpperCase()}${drill.says.slice(1)}. ${record.desired} replicas on ${record.hosts.length} hosts, struck at ${when}.`;
  const shown = ['detected', 'traffic recovered', 'replaced', 'balanced', 'requests lost'];
  const cards = outcome.figures
    .filter(({ name }) => shown.includes(name))
    .map((figure) =>
      tag(
        'div',
        { class: `card${figure.pass === false ? ' bad' : ''}` },
        tag('b', {}, escaped(figureText(figure))),
        tag('span', {}, escaped(figure.name)),
      ),
    );
  return [
    tag('header', {}, tag('h1', {}, escaped(title)), tag('span', { class: `verdict ${verdict}` }, verdict)),
    tag('p', { class: 'about' }, escaped(about)),
    tag('div', { class: 'cards' }, ...cards),
  ].join('');
}

/** Seconds before the strike that both pictures show, and after the last moment of the first one. */
const around = { beforeMs: 2_000, afterMs: 1_500, atLeastMs: 6_000 };

function pictures(record: DrillRecord, moments: Moments): string {
  const { struck, detected, recovered, replaced } = moments;
  const last = Math.max(...[struck, detected, recovered, replaced].filter((at) => at !== undefined));
  const whole: Span = { fromMs: Math.max(record.beginMs, struck - around.beforeMs), toMs: record.endMs };
  const near: Span = {
    fromMs: whole.fromMs,
    toMs: Math.min(record.endMs, Math.max(last + around.afterMs, struck + around.atLeastMs)),
  };
  // One picture is enough where the second one would hardly show more.
  const two = near.toMs - near.fromMs < 0.7 * (whole.toMs - whole.fromMs);
  const figure = (title: string, span: Span) =>
    tag(
      'figure',
      {},
      tag('figcaption', {}, title),
      tag('div', { class: 'wide' }, timeline(record, moments, span)),
    );
  return [...(two ? [figure('Around the strike', near)] : []), figure('The whole drill', whole), legend].join(
    '',
  );
}

const legend = tag(
  'ul',
  { class: 'legend' },
  ...[
    ['serving', 'tasks that serve, per host'],
    ['wanted', 'on their way'],
    ['band', 'host not ready, or manager away'],
    ['answered', 'requests answered'],
    ['failed', 'requests failed'],
  ].map(([name = '', says = '']) => tag('li', {}, tag('i', { class: name }), says)),
);

function verdicts(outcome: DrillOutcome): string {
  const mark = (good: boolean | undefined) =>
    tag(
      'td',
      { class: good === undefined ? 'open' : good ? 'good' : 'bad' },
      good === undefined ? '' : good ? '✓' : '✗',
    );
  const row = (good: boolean | undefined, ...cells: string[]) =>
    tag('tr', {}, mark(good), ...cells.map((cell) => tag('td', {}, escaped(cell))));
  const spread = Object.entries(outcome.spread).map(([host, count]) => `${host} ${count}`);
  const figures = [
    tag('h2', {}, 'Figures'),
    tag(
      'table',
      {},
      ...outcome.figures.map((figure) => row(figure.pass, figure.name, figureText(figure), goalText(figure))),
      row(undefined, 'spread afterwards', spread.join(', '), ''),
    ),
  ];
  const held = [
    tag('h2', {}, 'What must hold'),
    tag('table', {}, ...outcome.invariants.map(({ name, holds, says }) => row(holds, name, says))),
    ...(outcome.failures.length === 0
      ? []
      : [
          tag('h2', {}, 'Requests that were lost, the first fifty'),
          tag(
            'table',
            {},
            ...outcome.failures.map(({ why, through, count, firstMs, lastMs }) => {
              const since = (atMs: number) => seconds(atMs - outcome.moments.struck);
              return row(
                undefined,
                String(count),
                why,
                `through ${through}`,
                `sent from ${since(firstMs)} to ${since(lastMs)}`,
              );
            }),
          ),
        ]),
  ];
  return tag('section', {}, tag('div', {}, ...figures), tag('div', {}, ...held));
}

/** Every phase and every state of a node, with its time. */
function happened({ events }: DrillRecord, { struck }: Moments): string {
  const lines = events.flatMap((event) => {
    const at = seconds(event.atMs - struck);
    if (event.type === 'phase') return [[at, event.says]];
    if (event.type === 'node') return [[at, `${event.host} is ${event.state}`]];
    if (event.type === 'manager')
      return [[at, event.answers ? 'the manager answers' : 'the manager does not answer']];
    if (event.type !== 'task') return [];
    const { slot, host, state, desired, error } = event.task;
    const wish = desired === state || desired === 'running' ? '' : `, shall be ${desired}`;
    return [[at, `task ${slot}${host ? ` on ${host}` : ''}: ${state}${wish}${error ? ` (${error})` : ''}`]];
  });
  return tag(
    'details',
    {},
    tag('summary', {}, `All that happened (${lines.length} lines)`),
    tag(
      'table',
      {},
      ...lines.map((cells) => tag('tr', {}, ...cells.map((cell) => tag('td', {}, escaped(cell))))),
    ),
  );
}
