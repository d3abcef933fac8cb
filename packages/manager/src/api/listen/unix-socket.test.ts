import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { bindSocket, groupId } from './unix-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-socket-'));
const path = join(folder, 'run', 'api.sock');
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(join(folder, 'run'), { recursive: true, force: true });
});
const aServer = () => {
  const server = createServer();
  servers.push(server);
  return server;
};

it('makes its folder, and is closed to others whatever the mask of the process', async () => {
  const mask = process.umask(0);
  try {
    await bindSocket(aServer(), path);
    expect(process.umask()).toBe(0);
  } finally {
    process.umask(mask);
  }
  expect(statSync(path).mode & 0o777).toBe(0o660);
});

it('takes the place of a socket on which nobody listens', async () => {
  await bindSocket(aServer(), path);
  // A server that ends in order takes the file with it, a killed one leaves it.
  linkSync(path, `${path}.left`);
  await new Promise((done) => servers.pop()?.close(done));
  renameSync(`${path}.left`, path);
  await bindSocket(aServer(), path);
  const socket = connect(path);
  await once(socket, 'connect');
  socket.destroy();
});

it('leaves a socket alone on which somebody listens, answering or not', async () => {
  await bindSocket(aServer(), path);
  const { ino } = statSync(path);
  await expect(bindSocket(aServer(), path)).rejects.toThrow(/another process listens there/);
  expect(statSync(path).ino).toBe(ino);
});

it('leaves any other file alone', async () => {
  await bindSocket(aServer(), path);
  writeFileSync(`${path}.txt`, 'precious');
  await expect(bindSocket(aServer(), `${path}.txt`)).rejects.toThrow(/a file that is no socket/);
  expect(existsSync(`${path}.txt`)).toBe(true);
});

it('finds the group, where there is one', () => {
  expect(groupId('root:x:0:\nshoal:x:990:ann,bob\n')).toBe(990);
  expect(groupId('root:x:0:\nshoals:x:990:\n')).toBeUndefined();
  expect(groupId('')).toBeUndefined();
});
