import type { DrillRecord, Moments } from '@shoal/testbed/drill';
import { escaped, element as tag } from './markup.ts';
import { absences, type Band, bandsOf, binsOf, rowsOf, type Step, stepsOf, ticksOf } from './series.ts';

/** Sizes in the picture's own units, which are pixels at its full width. */
const size = {
  width: 1000,
  left: 64,
  right: 14,
  row: 17,
  lane: 38,
  laneGap: 10,
  requests: 110,
  axis: 30,
  letter: 6.3,
};

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Frame extends Span {
  readonly zeroMs: number;
  readonly x: (atMs: number) => number;
}

/** What happened from `fromMs` to `toMs`: the tasks of each host, requests, and the moments that count, as SVG. */
export function timeline(record: DrillRecord, moments: Moments, span: Span): string {
  const { hosts, events, endMs } = record;
  const across = size.width - size.left - size.right;
  const scale = across / (span.toMs - span.fromMs);
  const clamp = (atMs: number) => Math.min(Math.max(atMs, span.fromMs), span.toMs);
  const frame: Frame = {
    ...span,
    zeroMs: moments.struck,
    x: (atMs) => size.left + (clamp(atMs) - span.fromMs) * scale,
  };
  const marks = marksOf(frame, moments);
  const top = marks.rows * size.row + 8;
  const steps = hosts.map((host) => stepsOf(events, host));
  const most = Math.max(1, ...steps.flat().map(({ wanted }) => wanted));
  const laneTop = (index: number) => top + index * (size.lane + size.laneGap);
  const away = absences(events, endMs).filter((band) => isIn(band, span));
  const lanes = steps.map((each, index) =>
    lane(frame, hosts[index] ?? '', each, bandsOf(events, hosts[index] ?? '', endMs), {
      top: laneTop(index),
      most,
    }),
  );
  const requestsTop = laneTop(hosts.length) + size.row;
  const bottom = requestsTop + size.requests;
  return tag(
    'svg',
    {
      viewBox: `0 0 ${size.width} ${bottom + size.axis}`,
      role: 'img',
      'aria-label': 'Tasks on each host, and requests a second, over time',
    },
    axis(frame, top, bottom),
    ...lanes,
    requests(frame, record, requestsTop),
    ...away.map((band) => bandBox(frame, band, requestsTop, size.requests, 'the manager')),
    marks.draw(bottom),
  );
}

const isIn = ({ fromMs, toMs }: Band, span: Span): boolean => fromMs < span.toMs && toMs > span.fromMs;

function bandBox(
  { x }: Frame,
  { fromMs, toMs, says }: Band,
  top: number,
  height: number,
  who: string,
): string {
  const left = x(fromMs);
  return tag(
    'rect',
    { class: 'band', x: left, y: top, width: Math.max(x(toMs) - left, 1), height },
    tag('title', {}, escaped(`${who}: ${says}`)),
  );
}

/** One host: its tasks as an area whose height is their number, and red while it is not ready. */
function lane(
  frame: Frame,
  host: string,
  steps: readonly Step[],
  bands: readonly Band[],
  { top, most }: { top: number; most: number },
): string {
  const base = top + size.lane;
  const y = (count: number) => base - (count / most) * size.lane;
  const area = (count: (step: Step) => number) => {
    let path = `M${px(frame.x(frame.fromMs))},${px(base)}`;
    for (const [index, step] of steps.entries()) {
      const next = steps[index + 1]?.atMs ?? frame.toMs;
      if (next <= frame.fromMs || step.atMs >= frame.toMs) continue;
      path += `H${px(frame.x(step.atMs))}V${px(y(count(step)))}H${px(frame.x(next))}`;
    }
    return `${path}V${px(base)}Z`;
  };
  return [
    ...bands.filter((band) => isIn(band, frame)).map((band) => bandBox(frame, band, top, size.lane, host)),
    tag('path', { class: 'wanted', d: area(({ wanted }) => wanted) }),
    tag('path', { class: 'serving', d: area(({ serving }) => serving) }),
    tag('line', { class: 'base', x1: size.left, x2: size.width - size.right, y1: base, y2: base }),
    tag(
      'text',
      { class: 'host', x: size.left - 10, y: base - size.lane / 2 + 4, 'text-anchor': 'end' },
      escaped(fit(host, 8)),
    ),
    ...counts(frame, steps, y),
  ].join('');
}

/** The number of tasks, where it stays for long enough to be read: in the area, or above it where that is too low. */
function counts(frame: Frame, steps: readonly Step[], y: (count: number) => number): string[] {
  const serving = steps.filter((step, index) => step.serving !== steps[index - 1]?.serving);
  return serving.flatMap(({ atMs, serving: count }, index) => {
    const left = frame.x(atMs);
    const width = frame.x(serving[index + 1]?.atMs ?? frame.toMs) - left;
    if (width < 16) return [];
    const inside = y(0) - y(count) >= 16;
    const at = { x: left + 5, y: inside ? y(0) - 5 : y(count) - 4 };
    return [tag('text', { class: inside ? 'count' : 'count low', ...at }, String(count))];
  });
}

/** The longest part that keeps a bar wide enough to be seen. */
const binMs = ({ fromMs, toMs }: Span): number =>
  [100, 200, 500, 1_000, 2_000].find((ms) => ((toMs - fromMs) / ms) * 3 <= size.width) ?? 5_000;

function requests(frame: Frame, { slots }: DrillRecord, top: number): string {
  const ms = binMs(frame);
  const perSecond = 1_000 / ms;
  const bins = binsOf(slots, { ...frame, binMs: ms });
  const most = Math.max(1, ...bins.map(({ ok, failed }) => (ok + failed) * perSecond));
  const base = top + size.requests;
  const height = (count: number) => ((count * perSecond) / most) * size.requests;
  const bars = bins.flatMap(({ atMs, ok, failed }) => {
    const left = frame.x(atMs);
    const width = Math.max(frame.x(atMs + ms) - left - 0.4, 0.4);
    const bar = (name: string, count: number, from: number, least: number) => {
      const high = Math.max(height(count), least);
      return tag(
        'rect',
        { class: name, x: left, y: base - from - high, width, height: high },
        tag('title', {}, `${seconds(atMs - frame.zeroMs)}: ${ok} answered, ${failed} failed`),
      );
    };
    return [
      ...(ok > 0 ? [bar('answered', ok, 0, 0)] : []),
      ...(failed > 0 ? [bar('failed', failed, height(ok), 3)] : []),
    ];
  });
  return [
    tag(
      'text',
      { class: 'host', x: size.left - 10, y: top + 10, 'text-anchor': 'end' },
      String(Math.round(most)),
    ),
    tag(
      'text',
      { class: 'unit', x: size.left - 10, y: top + size.requests / 2 + 4, 'text-anchor': 'end' },
      'req/s',
    ),
    ...bars,
    tag('line', { class: 'base', x1: size.left, x2: size.width - size.right, y1: base, y2: base }),
  ].join('');
}

function axis(frame: Frame, top: number, bottom: number): string {
  const from = (frame.fromMs - frame.zeroMs) / 1_000;
  const to = (frame.toMs - frame.zeroMs) / 1_000;
  return ticksOf(from, to, 14)
    .map((second) => {
      const x = frame.x(frame.zeroMs + second * 1_000);
      return [
        tag('line', { class: 'grid', x1: x, x2: x, y1: top, y2: bottom }),
        tag('text', { class: 'tick', x, y: bottom + 18, 'text-anchor': 'middle' }, `${second} s`),
      ].join('');
    })
    .join('');
}

/** The moments that count, as lines from top to bottom with a label each, in as many rows as they need. */
function marksOf(frame: Frame, moments: Moments): { rows: number; draw: (bottom: number) => string } {
  const named: [string, number | undefined][] = [
    ['struck', moments.struck],
    ['detected', moments.detected],
    ['traffic recovered', moments.recovered],
    ['replaced', moments.replaced],
    ['healing', moments.healed],
    ['returned', moments.returned],
    ['balanced', moments.balanced],
  ];
  const marks = named
    .flatMap(([name, atMs]) =>
      atMs === undefined || atMs < frame.fromMs || atMs > frame.toMs
        ? []
        : [
            {
              name,
              text: name === 'struck' ? name : `${name} ${seconds(atMs - moments.struck)}`,
              x: frame.x(atMs),
            },
          ],
    )
    .map((mark) => {
      const width = mark.text.length * size.letter + 10;
      // At the right edge the label stands on the left of its line.
      const turned = mark.x + width > size.width;
      return { ...mark, width, turned, left: turned ? mark.x - width : mark.x };
    })
    .toSorted((a, b) => a.left - b.left);
  const rows = rowsOf(marks);
  return {
    rows: Math.max(0, ...rows) + 1,
    // All lines before all labels, so that none crosses one out.
    draw: (bottom) =>
      [
        ...marks.map(({ name, x }, index) =>
          tag('line', { class: `mark ${name}`, x1: x, x2: x, y1: baseline(rows[index]) - 10, y2: bottom }),
        ),
        ...marks.map(({ name, text, x, turned }, index) =>
          tag(
            'text',
            {
              class: `label ${name}`,
              x: turned ? x - 5 : x + 5,
              y: baseline(rows[index]),
              'text-anchor': turned ? 'end' : 'start',
            },
            escaped(text),
          ),
        ),
      ].join(''),
  };
}

const baseline = (row = 0): number => row * size.row + 13;

export const seconds = (ms: number): string => `${ms < 0 ? '−' : '+'}${(Math.abs(ms) / 1_000).toFixed(2)} s`;

const px = (value: number): string => String(Math.round(value * 10) / 10);

const fit = (text: string, letters: number): string =>
  text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
