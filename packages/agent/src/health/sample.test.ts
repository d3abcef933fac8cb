import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { kernel } from './cgroup.ts';
import { sample } from './sample.ts';

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true });
});

const machine = {
  'proc/meminfo': 'MemTotal:        8000 kB\nMemFree:          100 kB\nMemAvailable:    6000 kB\n',
  'proc/loadavg': '0.10 0.20 0.30 2/700 4711\n',
  'proc/sys/kernel/pid_max': '32768\n',
  'proc/sys/kernel/threads-max': '1000\n',
  'proc/1/cgroup': '0::/\n',
};

/** Memory in KiB and PIDs, as `free of total`, on a machine whose kernel tells this. */
async function read(files: Readonly<Record<string, string>>): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'shoal-kernel-'));
  roots.push(root);
  for (const [name, text] of Object.entries({ ...machine, ...files })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const found = await sample({ proc: join(root, 'proc'), cgroup: join(root, 'cgroup') }, undefined);
  return found.map(({ kind, free, total }) => {
    const unit = kind === 'memory' ? 1024 : 1;
    return `${kind} ${free / unit} of ${total / unit}`;
  });
}

describe('what a host has left', () => {
  it('is what the kernel says of the machine', async () => {
    expect(await read({})).toEqual(['memory 6000 of 8000', 'pids 300 of 1000']);
  });

  it('is what its own limits leave, in version 2, where it may see only its own group', async () => {
    const files = {
      'proc/1/cgroup': '0::/init\n',
      'cgroup/memory.max': '4096000\n',
      'cgroup/memory.current': '3072000\n',
      'cgroup/memory.stat': 'active_file 5000\ninactive_file 1024000\n',
      'cgroup/pids.max': '500\n',
      'cgroup/pids.current': '450\n',
      'cgroup/init/memory.max': 'max\n',
      'cgroup/init/memory.current': '1\n',
    };
    expect(await read(files)).toEqual(['memory 2000 of 4000', 'pids 50 of 500']);
  });

  it('is what its own limits leave, in version 1, whose word for none is a number', async () => {
    const files = {
      'proc/1/cgroup': '8:pids:/docker/h1\n4:memory:/docker/h1\n1:name=systemd:/docker/h1\n0::/\n',
      'cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'cgroup/memory/memory.usage_in_bytes': '4000000\n',
      'cgroup/memory/docker/h1/memory.limit_in_bytes': '2048000\n',
      'cgroup/memory/docker/h1/memory.usage_in_bytes': '2048000\n',
      'cgroup/memory/docker/h1/memory.stat': 'inactive_file 0\ntotal_inactive_file 102400\n',
      'cgroup/pids/docker/h1/pids.max': 'max\n',
      'cgroup/pids/docker/h1/pids.current': '12\n',
    };
    expect(await read(files)).toEqual(['memory 100 of 2000', 'pids 300 of 1000']);
  });

  it('is unknown where nothing can be read', async () => {
    const nowhere = { proc: '/nowhere', cgroup: '/nowhere' };
    expect(await sample(nowhere, '/nowhere')).toEqual([]);
  });

  it('of this machine makes sense', async () => {
    const found = await sample(kernel, tmpdir());
    expect(found.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['memory', 'pids', 'disk']));
    for (const { free, total } of found) {
      expect(free).toBeGreaterThan(0);
      expect(total).toBeGreaterThanOrEqual(free);
    }
  });
});
