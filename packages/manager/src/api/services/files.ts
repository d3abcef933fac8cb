import { contentVersion, isTerminal, payloadFiles, type Service, stateOf } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { taskName } from '../objects/index.ts';

/** Which tasks have which content of a secret or config. */
interface FileView {
  readonly Kind: string;
  readonly Name: string;
  readonly ContentVersion: number;
  /** What the secret or config holds now. */
  readonly Newest: number;
  /** Names. */
  readonly Tasks: string[];
}

/** For `docker service inspect`: nothing, where its tasks have neither secrets nor configs. */
export function filesOf(view: ReadView, { ID }: Service): { Files?: FileView[] } {
  const files = new Map<string, FileView>();
  for (const task of view.tasks.by('service', ID)) {
    if (isTerminal(stateOf(task))) continue;
    for (const { kind, id, name, version } of payloadFiles(task.Spec.ContainerSpec)) {
      const key = `${kind} ${id} ${version}`;
      const payload = view[`${kind}s`].get(id);
      const Newest = payload ? contentVersion(payload) : version;
      const file = files.get(key) ?? { Kind: kind, Name: name, ContentVersion: version, Newest, Tasks: [] };
      const called = taskName(view, task);
      if (!file.Tasks.includes(called)) file.Tasks.push(called);
      files.set(key, file);
    }
  }
  return files.size === 0 ? {} : { Files: [...files.values()] };
}
