/** What the manager says of one task of the drill's service. */
export interface TaskState {
  readonly id: string;
  readonly slot: number;
  /** Host name; undefined while it waits for a node. */
  readonly host?: string;
  readonly desired: string;
  readonly state: string;
  readonly error?: string;
}

/** What a drill sees, in order; also a line each of `--format json`. `atMs`: milliseconds since 1970. */
export type DrillEvent =
  | { readonly type: 'phase'; readonly atMs: number; readonly says: string }
  | { readonly type: 'mark'; readonly atMs: number; readonly mark: Mark }
  | { readonly type: 'task'; readonly atMs: number; readonly task: TaskState }
  | { readonly type: 'gone'; readonly atMs: number; readonly id: string }
  | { readonly type: 'node'; readonly atMs: number; readonly host: string; readonly state: string }
  | { readonly type: 'manager'; readonly atMs: number; readonly answers: boolean }
  /** Requests sent in the tenth of a second that begins at `atMs`. */
  | {
      readonly type: 'requests';
      readonly atMs: number;
      readonly ok: number;
      readonly failed: number;
      readonly maxMs: number;
    };

/** What the drill itself did: struck, and began to heal. */
export type Mark = 'struck' | 'healed';

/** The cluster at one moment, as its manager told it. */
export interface View {
  readonly tasks: ReadonlyMap<string, TaskState>;
  /** Host name → node state. */
  readonly nodes: ReadonlyMap<string, string>;
  readonly managerAnswers: boolean;
}

export const unseen: View = { tasks: new Map(), nodes: new Map(), managerAnswers: true };

/** The view after an event. */
export function after(view: View, event: DrillEvent): View {
  switch (event.type) {
    case 'task':
      return { ...view, tasks: new Map(view.tasks).set(event.task.id, event.task) };
    case 'gone':
      return { ...view, tasks: new Map([...view.tasks].filter(([id]) => id !== event.id)) };
    case 'node':
      return { ...view, nodes: new Map(view.nodes).set(event.host, event.state) };
    case 'manager':
      return { ...view, managerAnswers: event.answers };
    default:
      return view;
  }
}

const ended = ['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'];

/** Tasks that run, are wanted, and are on a host that is not down. */
export const serving = ({ tasks, nodes }: View): TaskState[] =>
  [...tasks.values()].filter(
    ({ desired, state, error, host }) =>
      desired === 'running' &&
      state === 'running' &&
      !error &&
      host !== undefined &&
      nodes.get(host) !== 'down',
  );

/** Tasks that are wanted, whether they run yet or not. */
export const wanted = ({ tasks }: View): TaskState[] =>
  [...tasks.values()].filter(
    ({ desired, state }) => (desired === 'running' || desired === 'ready') && !ended.includes(state),
  );

/** Every slot has a task that serves, on one of these hosts. */
export const allServeOn = (view: View, desired: number, hosts: readonly string[]): boolean =>
  new Set(
    serving(view)
      .filter(({ host = '' }) => hosts.includes(host))
      .map(({ slot }) => slot),
  ).size === desired;

/** Each slot has one task, which serves, and no other is on its way. */
export const isWhole = (view: View, desired: number): boolean => {
  const found = serving(view);
  return (
    found.length === desired &&
    wanted(view).length === desired &&
    new Set(found.map(({ slot }) => slot)).size === desired
  );
};

/** How many tasks serve on each of the hosts. */
export const spreadOf = (view: View, hosts: readonly string[]): Record<string, number> => {
  const found = serving(view);
  return Object.fromEntries(
    hosts.map((each) => [each, found.filter(({ host }) => host === each).length] as const),
  );
};

/** Whole, and no host has two tasks more than another. */
export const isBalanced = (view: View, desired: number, hosts: readonly string[]): boolean => {
  const counts = Object.values(spreadOf(view, hosts));
  return isWhole(view, desired) && Math.max(...counts) - Math.min(...counts) <= 1;
};

/** Each view with the moment when it began. */
export function* history(events: readonly DrillEvent[]): Generator<{ atMs: number; view: View }> {
  let view = unseen;
  for (const event of events) {
    const next = after(view, event);
    if (next === view) continue;
    view = next;
    yield { atMs: event.atMs, view };
  }
}

/** The first moment from `fromMs` on at which it holds. */
export function firstAt(
  events: readonly DrillEvent[],
  fromMs: number,
  holds: (view: View) => boolean,
): number | undefined {
  let before: View | undefined;
  for (const { atMs, view } of history(events)) {
    if (atMs > fromMs) {
      if (before && holds(before)) return fromMs;
      before = undefined;
      if (holds(view)) return atMs;
    } else before = view;
  }
  return before && holds(before) ? fromMs : undefined;
}

/** Since when it holds without a break until the end, `fromMs` at the earliest; undefined if not at the end. */
export function sinceWhen(
  events: readonly DrillEvent[],
  fromMs: number,
  holds: (view: View) => boolean,
): number | undefined {
  let since: number | undefined;
  for (const { atMs, view } of history(events)) since = holds(view) ? (since ?? atMs) : undefined;
  return since === undefined ? undefined : Math.max(since, fromMs);
}

export const lastView = (events: readonly DrillEvent[]): View => events.reduce(after, unseen);
