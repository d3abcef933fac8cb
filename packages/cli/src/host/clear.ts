import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExitError } from '../exit.ts';
import { removeContext } from './docker-context.ts';
import { initSystem } from './init-system.ts';
import { tryRun } from './run.ts';
import { paths } from './settings.ts';

const clearMs = 600_000;

/**
 * Ends our programs and takes all of the cluster off this host: containers, networks, devices, rules, state, logs. Throws an
 * ExitError when something stays; calling it again goes on where it ended.
 */
export async function clearHost(): Promise<void> {
  const init = initSystem();
  // The other way round the agent would only complain.
  for (const name of ['agent', 'manager'] as const) await init.remove(name);
  const clear = [join(paths.current, 'agent/remove.mjs'), paths.dockerSocket];
  const { code, stderr } = await tryRun(process.execPath, clear, clearMs);
  if (code !== 0)
    throw new ExitError(
      1,
      `Not all of the cluster is off this host yet: ${stderr.trim()}\nCall this again when that is mended.`,
    );
  await removeContext();
  for (const name of ['agent.log', 'manager.log', 'host.log'])
    for (const file of [name, `${name}.1`]) rmSync(join(paths.logs, file), { force: true });
  rmSync(paths.socket, { force: true });
  for (const folder of [paths.logs, join(paths.run, 'hold'), paths.run]) removeIfEmpty(folder);
  // The settings last, since they say that there is something to clear away.
  for (const name of readdirSync(paths.state))
    if (join(paths.state, name) !== paths.settings)
      rmSync(join(paths.state, name), { recursive: true, force: true });
  rmSync(paths.settings, { force: true });
}

/** What others put there stays. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EBUSY') throw error;
  }
}
