import { expect, it } from 'vitest';
import { hostAccessOf, nodeLabelTrouble } from './host-access.ts';
import { labelTrouble } from './labels.ts';

it.each<[Record<string, string>, object | undefined]>([
  [{}, undefined],
  [{ 'shoal.privileged': 'off' }, undefined],
  [
    { 'shoal.privileged': 'on', 'shoal.pid': 'host', 'shoal.uts': 'host' },
    { privileged: true, namespaces: ['pid', 'uts'] },
  ],
  [
    { 'shoal.devices': '/dev/fuse, /dev/a:/dev/b,/dev/c:r,/dev/d:/dev/e:rw' },
    {
      devices: [
        { onHost: '/dev/fuse', inContainer: '/dev/fuse', permissions: 'rwm' },
        { onHost: '/dev/a', inContainer: '/dev/b', permissions: 'rwm' },
        { onHost: '/dev/c', inContainer: '/dev/c', permissions: 'r' },
        { onHost: '/dev/d', inContainer: '/dev/e', permissions: 'rw' },
      ],
    },
  ],
])('%j asks for %j', (labels, access) => {
  expect(labelTrouble(labels)).toBe(undefined);
  expect(hostAccessOf(labels)).toEqual(access);
});

it.each<[Record<string, string>, string]>([
  [{ 'shoal.privileged': 'true' }, 'Labels["shoal.privileged"]: must be on or off, got "true"'],
  [{ 'shoal.devices': 'fuse' }, 'Labels["shoal.devices"]: must be DEVICE, DEVICE:PATH or DEVICE:PATH:rwm'],
  [{ 'shoal.devices': '' }, 'Labels["shoal.devices"]'],
  [{ 'shoal.devices': '/dev/a:/dev/b:x' }, 'Labels["shoal.devices"]'],
  [{ 'shoal.pid': 'container:x' }, 'Labels["shoal.pid"]: must be host, got "container:x"'],
])('%j is refused', (labels, text) => {
  expect(labelTrouble(labels)).toContain(text);
});

it("a node's own label is on or off", () => {
  expect(['on', 'off'].map((value) => nodeLabelTrouble({ 'shoal.allow-privileged': value }))).toEqual([
    undefined,
    undefined,
  ]);
  expect(nodeLabelTrouble({ 'shoal.allow-privileged': '' })).toContain('must be on or off, got ""');
});
