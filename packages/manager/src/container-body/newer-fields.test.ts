import { expect, it } from 'vitest';
import type { ContainerSpec } from '../model/index.ts';
import { newerFields } from './index.ts';

type Mounts = NonNullable<ContainerSpec['Mounts']>;
const fieldsOf = (spec: ContainerSpec) =>
  newerFields({ ContainerSpec: spec }).map(({ path, since }) => [path, since.join('.')]);
const bind = (BindOptions: NonNullable<Mounts[number]['BindOptions']>): Mounts => [
  { Type: 'tmpfs', Target: '/tmp' },
  { Source: '/a', Target: '/a', ReadOnly: true, BindOptions },
];

it.each<[string, Mounts, string]>([
  ['Mounts[1].BindOptions.CreateMountpoint', bind({ CreateMountpoint: true }), '23.0'],
  ['Mounts[1].BindOptions.ReadOnlyForceRecursive', bind({ ReadOnlyForceRecursive: true }), '25.0'],
  [
    'Mounts[0].VolumeOptions.Subpath',
    [{ Type: 'volume', Source: 'data', Target: '/data', VolumeOptions: { Subpath: 'a' } }],
    '26.0',
  ],
  ['Mounts[0].Type=image', [{ Type: 'image', Source: 'tools:1', Target: '/tools' }], '28.0'],
])('knows that %s is newer than 20.10', (path, Mounts, since) => {
  expect(fieldsOf({ Mounts })).toEqual([[path, since]]);
});

it.each([
  ['com.docker.network.endpoint.sysctls', '27.0'],
  ['com.docker.network.endpoint.ifname', '28.1'],
])('knows that the network option %s is newer than 20.10', (name, since) => {
  const found = newerFields({ Networks: [{ Target: 'a' }, { Target: 'b', DriverOpts: { [name]: 'x' } }] });
  expect(found.map((field) => [field.path, field.since.join('.')])).toEqual([
    [`Networks[1].DriverOpts["${name}"]`, since],
  ]);
});

it('asks for nothing newer where an older daemon does the same', () => {
  expect(
    fieldsOf({
      Healthcheck: { Test: ['CMD', 'check'], StartInterval: 1e9 },
      Mounts: [
        ...bind({ ReadOnlyNonRecursive: true, CreateMountpoint: false }),
        { Type: 'volume', Target: '/data', VolumeOptions: { Subpath: '', Labels: { a: 'b' } } },
      ],
    }),
  ).toEqual([]);
});
