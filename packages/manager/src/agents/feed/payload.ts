import type { Payload as ProtoPayload } from '@shoal/proto';
import { contentOf, expandedPayload, type Open, surroundingsOf } from '../../container-body/index.ts';
import {
  compareStates,
  isTerminal,
  type PayloadKind,
  payloadFiles,
  purposes,
  stateOf,
  type Task,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { TemplateError } from '../../template/index.ts';
import { type FeedKind, isSame, type Source } from './kind.ts';
import { partsOf, payloadId } from './payload-id.ts';

/** What secrets or configs hold, for the hosts of tasks that have it among their files, from the moment they have one until it ended. */
export function payload(kind: PayloadKind): FeedKind<ProtoPayload> {
  const idsOf = (view: ReadView, task: Task | undefined): string[] =>
    task && needsFiles(task) ? filesOf(kind, task).map((file) => payloadId(view, file, task.ID)) : [];
  return {
    single: true,
    large: true,

    *touched(commit) {
      const { view } = commit;
      for (const { before, after } of commit.of('tasks')) {
        const [was, is] = [idsOf(view, before), idsOf(view, after)];
        if (was.length === 0 && is.length === 0) continue;
        if (isSame([before?.NodeID, was], [after?.NodeID, is])) continue;
        const nodes = [before?.NodeID, after?.NodeID].filter((nodeId) => nodeId !== undefined);
        for (const id of new Set([...was, ...is])) yield { id, nodes };
      }
      for (const { id, before, after } of commit.of(`${kind}s`)) {
        // Of one that is there, a version that some task needs never changes, and never goes.
        if (before && after) continue;
        for (const task of view.tasks.all())
          for (const file of filesOf(kind, task))
            if (file.id === id && task.NodeID)
              yield { id: payloadId(view, file, task.ID), nodes: [task.NodeID] };
      }
    },

    *all({ view }, nodeId) {
      yield* new Set(view.tasks.by('node', nodeId).flatMap((task) => idsOf(view, task)));
    },

    needs({ view }, id, nodeId) {
      return view.tasks.by('node', nodeId).some((task) => idsOf(view, task).includes(id));
    },

    object(source, id) {
      const { taskId, ...content } = partsOf(id);
      const data = opened(source)({ kind, ...content });
      if (!data || taskId === undefined) return data && { data };
      const task = source.view.tasks.get(taskId);
      return task && asItIsFor(task, data, source);
    },
  };
}

const filesOf = (kind: PayloadKind, { Spec }: Task) =>
  payloadFiles(Spec.ContainerSpec).filter((file) => file.kind === kind);

const needsFiles = (task: Task): boolean =>
  task.NodeID !== undefined && compareStates(stateOf(task), 'assigned') >= 0 && !isTerminal(stateOf(task));

const opened =
  ({ view, unseal }: Source): Open =>
  ({ kind, id, version }) => {
    const payload = view[`${kind}s`].get(id);
    const content = payload && contentOf(payload, version);
    const data = content && unseal(purposes.content(kind, id, version), content.data);
    return data ? Buffer.from(data, 'base64') : undefined;
  };

/** A template is looked at when a service that names it is written; should it fail all the same, the task waits. */
function asItIsFor(task: Task, template: Buffer, source: Source): ProtoPayload | undefined {
  const { view } = source;
  const around = surroundingsOf(task, view.services.get(task.ServiceID), view.nodes.get(task.NodeID ?? ''));
  try {
    return { data: expandedPayload(template, task, around, opened(source)) };
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}
