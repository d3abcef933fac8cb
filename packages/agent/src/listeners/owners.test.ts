import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { containersIn, Owners, processName } from './owners.ts';
import { openSockets } from './proc-net.ts';

it.each([
  ['/usr/bin/python3\0-m\0http.server\0', 'python3'],
  ['sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0', 'sshd'],
  ['nginx: master process /usr/sbin/nginx\0', 'nginx'],
  ['node\0server.js\0', 'node'],
  ['', ''],
])('names the process of %j', (commandLine, name) => {
  expect(processName(commandLine)).toBe(name);
});

it('finds the containers, also of a host that is one itself', () => {
  const [outer, inner] = ['a'.repeat(64), 'b'.repeat(64)];
  const cgroup = `4:memory:/docker/${outer}/inner/${inner}\n1:name=systemd:/docker/${outer}\n`;
  expect(containersIn(cgroup)).toEqual([outer, inner]);
  expect(containersIn(`0::/system.slice/docker-${inner}.scope\n`)).toEqual([inner]);
  expect(containersIn('0::/system.slice/ssh.service\n')).toEqual([]);
});

it('finds the process of a socket, and says nothing of one that nobody has', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = (await openSockets()).find((each) => each.transport === 'tcp' && each.port === port);
  const owners = await new Owners().of(new Set([socket?.inode ?? '', '1']));
  expect(owners.get(socket?.inode ?? '')).toMatchObject({ pid: process.pid, process: 'node' });
  expect(owners.get('1')).toBeUndefined();
  server.close();
});

it('lets other work go on while it looks through a process with many descriptors', async () => {
  const turnsOfLook = async () => {
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    await new Owners().of(new Set(['no socket has this']));
    clearImmediate(counting);
    return turns;
  };
  const few = await turnsOfLook();
  const many = Array.from({ length: 10_000 }, () => openSync('/dev/null', 'r'));
  try {
    // With room for processes that came or went.
    expect(await turnsOfLook()).toBeGreaterThan(few + 25);
  } finally {
    for (const fd of many) closeSync(fd);
  }
});
