import {
  type Content,
  type Payload,
  type PayloadFile,
  type PayloadKind,
  payloadFiles,
  type Task,
} from '../model/index.ts';
import { parse, render, TemplateError, type Value } from '../template/index.ts';
import { expanded } from './expand.ts';
import type { Surroundings } from './surroundings.ts';

/** More than Docker takes of a config. */
const mostBytes = 4 * 1024 * 1024;

/** Docker's only template driver: what it holds is a template of Go's. */
export const isTemplate = ({ Spec }: Pick<Payload, 'Spec'>): boolean => Spec.Templating?.Name === 'golang';

/** What a payload of this content holds, in the clear; undefined where there is none, or it can't be opened. */
export type Open = (file: Pick<PayloadFile, 'kind' | 'id' | 'version'>) => Buffer | undefined;

/**
 * A template as it is for one task (swarmkit template/context.go): the fields of other templates, and `secret NAME`, `config NAME`
 * (files of this task by the names that its spec gives them, as they are in the store) and `env NAME`. Throws TemplateError.
 */
export function expandedPayload(
  template: Buffer,
  task: Pick<Task, 'Spec'>,
  around: Surroundings,
  open: Open,
): Buffer {
  const spec = task.Spec.ContainerSpec ?? {};
  const files = payloadFiles(spec);
  const text = template.toString('utf8');
  const held = (kind: PayloadKind) => (name: Value) => {
    const file = files.find((one) => one.kind === kind && one.fileName === name);
    const data = file && open(file);
    if (!data) {
      // One that was put together may be what a secret holds.
      const said = text.includes(`${name}`) ? `"${name}"` : 'of the name that it puts together';
      throw new TemplateError(`${kind} ${said} is none of the files that the service names`);
    }
    return data.toString('utf8');
  };
  const env = (name: Value) => {
    const entry = (expanded(spec, around).Env ?? []).find((one) => one.startsWith(`${name}=`));
    return entry?.slice(`${name}=`.length) ?? '';
  };
  const functions = { secret: held('secret'), config: held('config'), env };
  return Buffer.from(render(parse(text), around, functions, mostBytes));
}

export const contentOf = ({ contents }: Payload, version: number): Content | undefined =>
  contents.find((content) => content.version === version);
