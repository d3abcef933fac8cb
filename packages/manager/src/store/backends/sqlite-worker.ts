/** The thread that waits for the disk, so that the manager's own never does. Answers each message, in order. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Outcome } from '../store.ts';
import { type Row, SqliteFile, type Write } from './sqlite-file.ts';

export interface Opening {
  readonly path: string;
  readonly lockWaitMs: number;
}

export type Request =
  | { readonly do: 'load' }
  | { readonly do: 'commit'; readonly revision: number; readonly writes: readonly Write[] }
  | { readonly do: 'copy'; readonly to: string }
  | { readonly do: 'purge' }
  | { readonly do: 'close' };

/** What a request is answered with. An error ends the thread. */
export interface Answers {
  load: { readonly revision: number; readonly rows: readonly Row[] };
  commit: Outcome;
  /** Why there is none; undefined when there is. */
  copy: string | undefined;
  purge: undefined;
  close: undefined;
}

const { path, lockWaitMs } = workerData as Opening;
const file = SqliteFile.open(path, lockWaitMs);

const answer = (request: Request): Answers[Request['do']] => {
  if (request.do === 'load') return file.load();
  if (request.do === 'commit') return file.commit(request.revision, request.writes);
  if (request.do === 'copy') return file.copyTo(request.to);
  if (request.do === 'purge') file.purge();
  else file.close();
  return undefined;
};

parentPort?.on('message', (request: Request) => parentPort?.postMessage(answer(request)));
parentPort?.postMessage(undefined);
