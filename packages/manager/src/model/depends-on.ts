import { dependsOnLabel } from './labels.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * What of another service has to be so before tasks start. **started**: one of its tasks has started. **healthy**: one runs, and
 * gets traffic. **completed**: it is a job, and its present run has completed.
 */
const conditions = ['started', 'healthy', 'completed'] as const;

export interface Dependency {
  /** Its name. */
  readonly service: string;
  readonly condition: (typeof conditions)[number];
}

/** Undefined when the text is no list of `NAME:CONDITION`. */
function parse(text: string): Dependency[] | undefined {
  const dependencies: Dependency[] = [];
  for (const item of text.split(',')) {
    const [, service, word] = /^\s*([^\s:,]+):(\w+)\s*$/.exec(item) ?? [];
    const condition = conditions.find((one) => one === word);
    if (service === undefined || condition === undefined) return undefined;
    dependencies.push({ service, condition });
  }
  return dependencies;
}

/** What the service's tasks wait for before they start. */
export function dependenciesOf(labels: Labels | null | undefined): readonly Dependency[] {
  const text = labels?.[dependsOnLabel];
  return (text === undefined ? undefined : parse(text)) ?? [];
}

/** What is wrong with the label; undefined when all is well. */
export function dependsOnTrouble(labels: Labels | null | undefined): string | undefined {
  const text = labels?.[dependsOnLabel];
  if (text === undefined || parse(text)) return undefined;
  return (
    `Labels["${dependsOnLabel}"]: must be a list of NAME:CONDITION such as db:healthy,migrate:completed, where CONDITION is ` +
    `${conditions.slice(0, -1).join(', ')} or ${conditions.at(-1)}, got "${text}"`
  );
}
