import type { Duplex } from 'node:stream';
import type { ApiDeps } from '../http/index.ts';
import { bareLinesOf, framesOf, justAfter, type Line, lineReader } from './lines.ts';

/** How long a host may take until its daemon begins to answer. */
const answerMs = 5_000;
/** A daemon that shall not follow and says nothing for so long is given up. */
const silentMs = 15_000;
const largestError = 64 * 1024;

/** Which lines of a container are asked for; texts as Docker's API has them, empty for no limit. */
export interface Wanted {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly details: boolean;
  readonly since: string;
  readonly until: string;
  readonly tail: string;
}

/** A host's daemon has refused. It would again. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export interface ContainerLogsDeps {
  readonly tunnel: ApiDeps['queries']['tunnel'];
  readonly clock: ApiDeps['clock'];
  readonly signal: AbortSignal;
}

/**
 * The lines of one container, as many at a time as came together. Nothing when it does not exist any more. Throws Refused,
 * or whatever keeps the host from answering.
 */
export async function* containerLogs(
  { tunnel, clock, signal }: ContainerLogsDeps,
  { nodeId, containerId, tty }: { nodeId: string; containerId: string; tty: boolean },
  wanted: Wanted,
): AsyncGenerator<Line[]> {
  const request = { method: 'GET', path: pathOf(containerId, wanted), headers: {} };
  const { head, stream } = await tunnel(nodeId, request, answerMs, signal).catch((error) => {
    if (error.status === 404) return { head: { status: 404 }, stream: undefined };
    throw error;
  });
  // Reading it to its end destroys it, so this comes first.
  stream?.end();
  if (!stream || head.status === 404) {
    stream?.destroy();
    return;
  }
  if (head.status !== 200) throw new Refused(await errorIn(stream, head.status));
  const chunks = wanted.follow ? stream : unlessSilent(stream);
  const read = lineReader(wanted.details, clock);
  for await (const frames of tty ? bareLinesOf(chunks) : framesOf(chunks)) yield frames.map(read);
}

/** The same lines without those up to the one with this stamp. */
export const after = (wanted: Wanted, stamp: string): Wanted => ({
  ...wanted,
  since: justAfter(stamp),
  tail: 'all',
});

function pathOf(containerId: string, { follow, stdout, stderr, details, ...limits }: Wanted): string {
  const query = new URLSearchParams({ timestamps: '1' });
  for (const [name, value] of Object.entries({ follow, stdout, stderr, details }))
    if (value) query.set(name, '1');
  for (const [name, value] of Object.entries(limits)) if (value) query.set(name, value);
  return `/containers/${containerId}/logs?${query}`;
}

async function* unlessSilent(stream: Duplex): AsyncGenerator<Buffer> {
  const giveUp = () => stream.destroy(new Error(`it said nothing for ${silentMs / 1_000} s`));
  let timer = setTimeout(giveUp, silentMs);
  try {
    for await (const chunk of stream) {
      // Whoever reads may take its time.
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(giveUp, silentMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What the daemon says is wrong. */
async function errorIn(stream: Duplex, status: number): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    if (text.length > largestError) break;
  }
  try {
    return String(JSON.parse(text).message);
  } catch {
    return `its Docker daemon answered with status ${status}`;
  }
}
