import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 50;
/** Processes that the kernel takes longer than this to end count as still there. */
const longestMs = 5_000;

/**
 * Kills every process of a container without asking its daemon. Resolves when none is left, however they ended; rejects
 * when some do not die.
 */
export async function killProcesses(containerId: string): Promise<void> {
  const deadline = performance.now() + longestMs;
  for (let left = await processesOf(containerId); left.length > 0; left = await processesOf(containerId)) {
    if (performance.now() >= deadline)
      throw new Error(`processes ${left.join(', ')} of container ${containerId} do not die`);
    for (const pid of left) kill(pid);
    await sleep(lookMs);
  }
}

/** Kills a process of a container, and the others of the group that it leads: what a command in it has started. */
export async function killGroup(pid: number, containerId: string): Promise<void> {
  if (!(await isAliveIn(String(pid), containerId))) return;
  kill(-pid);
  kill(pid);
}

/** A container's control group has its id in its path, whatever driver made it. */
async function processesOf(containerId: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => isAliveIn(pid, containerId)));
  return pids.filter((_, index) => found[index]).map(Number);
}

async function isAliveIn(pid: string, containerId: string): Promise<boolean> {
  try {
    if (!(await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(containerId)) return false;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // One that nobody has asked about yet does nothing any more.
    return !'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    // It ended while it was looked at.
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
