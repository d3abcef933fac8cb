import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContainerSpec, Mount, TaskSpec } from '../../../model/index.ts';
import { aSpec } from '../../testing.ts';
import { validateService } from './service.ts';

const validate = (container: ContainerSpec, task: TaskSpec = {}) =>
  validateService(aSpec({ TaskTemplate: { ContainerSpec: { Image: 'web:1', ...container }, ...task } }));
const onVolume = (change: Mount): ContainerSpec => ({
  Mounts: [{ Type: 'volume', Source: 'data', Target: '/data', ...change }],
});
const seccomp = (Mode: string, profile: string): ContainerSpec => ({
  Privileges: { Seccomp: { Mode, Profile: Buffer.from(profile).toString('base64') } },
});

/** Each could only end in a task that never starts, or not as it was meant, whatever the host. */
const broken: readonly [ContainerSpec, string][] = [
  [
    { Hosts: ['db 10.1.2.3'] },
    'Hosts[0]: must be "ADDRESS NAME [ALIAS …]", got "db 10.1.2.3"; write "10.1.2.3 db"',
  ],
  [
    { Hosts: ['10.1.2.3 db', 'db:10.1.2.3'] },
    'Hosts[1]: must be "ADDRESS NAME [ALIAS …]", got "db:10.1.2.3"; write "10.1.2.3 db"',
  ],
  [{ Hosts: ['db:::1'] }, 'write "::1 db"'],
  [{ Hosts: ['db=[::1]'] }, 'write "::1 db"'],
  [{ Hosts: ['10.1.2.3'] }, 'Hosts[0]'],
  [{ Hosts: ['10.1.2.300 db'] }, 'Hosts[0]'],
  [{ Hosts: ['10.1.2.3 a:b'] }, 'Hosts[0]'],
  [{ Hosts: [''] }, 'Hosts[0]'],
  [{ Env: ['A=1', ''] }, 'Env[1]'],
  [{ Env: ['=x'] }, 'Env[0]'],
  [{ Env: ['A=\0'] }, 'Env[0]'],
  [{ Command: ['sh', 'a\0b'] }, 'Command[1]'],
  [{ Args: ['\0'] }, 'Args[0]'],
  [{ Dir: 'tmp' }, "Dir: the working directory 'tmp' is invalid, it needs to be an absolute path"],
  [{ Hostname: 'a'.repeat(65) }, 'Hostname'],
  [{ Groups: ['audio', ''] }, 'Groups[1]'],
  [{ StopSignal: 'SIGFOO' }, 'StopSignal: invalid signal: SIGFOO'],
  [{ StopSignal: '0' }, 'StopSignal'],
  [{ StopSignal: 'SIGRTMIN+16' }, 'StopSignal'],
  [{ Healthcheck: { Test: ['curl', 'localhost'] } }, 'Healthcheck.Test: must be ["CMD", program'],
  [{ Healthcheck: { Test: ['CMD'] } }, 'Healthcheck.Test'],
  [{ Healthcheck: { Test: ['CMD-SHELL'] } }, 'Healthcheck.Test'],
  [{ Healthcheck: { Test: [''] } }, 'Healthcheck.Test'],
  [{ DNSConfig: { Nameservers: ['10.0.0.1', 'dns.lan'] } }, 'DNSConfig.Nameservers[1]'],
  [{ DNSConfig: { Search: ['a b'] } }, 'DNSConfig.Search[0]'],
  [{ DNSConfig: { Options: [''] } }, 'DNSConfig.Options[0]'],
  [{ Sysctls: { 'vm.swappiness': '1' } }, 'Sysctls["vm.swappiness"]'],
  [{ Sysctls: { 'kernel.hostname': 'x' } }, 'Sysctls["kernel.hostname"]'],
  [{ Sysctls: { '': 'x' } }, 'Sysctls[""]'],
  [{ CapabilityAdd: ['CAP_NET_RAW', 'NET_ADMINN'] }, 'CapabilityAdd[1]: unknown capability "NET_ADMINN"'],
  [{ CapabilityDrop: ['CAP_ALL'] }, 'CapabilityDrop[0]'],
  [{ Ulimits: [{ Name: 'nofiles', Soft: 1, Hard: 1 }] }, 'Ulimits[0].Name: invalid ulimit type "nofiles"'],
  [{ Ulimits: [{ Name: 'nofile', Soft: 2, Hard: 1 }] }, 'Ulimits[0]: ulimit soft limit must be less'],
  [{ Ulimits: [{ Name: 'nofile', Soft: -1, Hard: 1 }] }, 'Ulimits[0]'],
  [{ Ulimits: [{ Name: 'nofile', Soft: 1 }] }, 'Ulimits[0]'],
  [{ OomScoreAdj: -1001 }, 'OomScoreAdj'],
  [onVolume({ Target: '/' }), "Mounts[0].Target: invalid specification: destination can't be '/'"],
  [onVolume({ Target: '/a/..' }), 'Mounts[0].Target'],
  [onVolume({ Source: 'a' }), 'Mounts[0].Source: "a" can\'t be the name of a local volume'],
  [onVolume({ Source: 'a/b' }), 'Mounts[0].Source'],
  [onVolume({ Type: 'image', Source: '' }), 'Mounts[0].Source'],
  [onVolume({ BindOptions: { Propagation: 'rslave' } }), 'Mounts[0].BindOptions: must not be specified'],
  [onVolume({ TmpfsOptions: { SizeBytes: 1 } }), 'Mounts[0].TmpfsOptions'],
  [
    onVolume({ VolumeOptions: { Subpath: '../x' } }),
    'Mounts[0].VolumeOptions.Subpath: must be a relative path',
  ],
  [onVolume({ Source: '', VolumeOptions: { Subpath: 'x' } }), 'Mounts[0].VolumeOptions.Subpath'],
  [
    { Mounts: [{ Type: 'bind', Source: '/a', Target: '/a', BindOptions: { Propagation: 'both' } }] },
    'Mounts[0].BindOptions.Propagation: invalid propagation mode: both (one of private, rprivate,',
  ],
  [seccomp('none', ''), 'Privileges.Seccomp.Mode: must be one of default, unconfined, custom, got "none"'],
  [seccomp('custom', '{'), 'Privileges.Seccomp.Profile'],
  [{ Privileges: { AppArmor: { Mode: 'off' } } }, 'Privileges.AppArmor.Mode'],
];

describe('a container that would never start', () => {
  it.each(broken)('is refused where it is written: %j', (container, text) => {
    const message = expect.stringContaining(text);
    expect(() => validate(container)).toThrow(expect.objectContaining({ status: 400, message }));
    const path = expect.stringMatching(/^TaskTemplate\.ContainerSpec\./);
    expect(() => validate(container)).toThrow(expect.objectContaining({ message: path }));
  });

  it('is refused for a mount point named twice, however it is written', () => {
    const Mounts = ['/x', '/y/../x/'].map((Target) => ({ Type: 'tmpfs' as const, Target }));
    expect(() => validate({ Mounts })).toThrow(
      /duplicate mount point: \/y\/\.\.\/x\/ \(.*Mounts\[\d\]\.Target\)$/,
    );
  });

  it.each<[NonNullable<TaskSpec['Resources']>, RegExp]>([
    [{ Limits: { MemoryBytes: 5 * 2 ** 20 } }, /^TaskTemplate\.Resources\.Limits\.MemoryBytes: .* 6MB/],
    [{ Limits: { NanoCPUs: 9_999_999 } }, /^TaskTemplate\.Resources\.Limits\.NanoCPUs: /],
    [{ Limits: { MemoryBytes: 2 ** 30 }, SwapBytes: -2 }, /^TaskTemplate\.Resources\.SwapBytes: /],
    [{ MemorySwappiness: 101 }, /^TaskTemplate\.Resources\.MemorySwappiness: /],
  ])('is refused for what no daemon gives: %j', (Resources, message) => {
    expect(() => validate({}, { Resources })).toThrow(message);
  });
});

const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('host-gateway'));
const name = fc.stringMatching(/^[a-z0-9][a-z0-9_.-]{1,20}$/);
const list = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });
const inAnyCase = (names: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('', 'CAP_', 'cap_'), fc.boolean())
    .map(([one, prefix, lower]) => prefix + (lower ? one.toLowerCase() : one));
const mount: fc.Arbitrary<Mount> = fc.oneof(
  fc.record({
    Type: fc.constant('bind' as const),
    Source: name.map((one) => `/${one}`),
    BindOptions: fc.record({ Propagation: fc.constantFrom('', 'rprivate', 'rslave', 'shared') }),
    VolumeOptions: fc.constantFrom({}, null),
  }),
  fc.record({
    Type: fc.constant('volume' as const),
    Source: fc.oneof(name, fc.constant('')),
    ReadOnly: fc.boolean(),
    VolumeOptions: fc.constantFrom(null, {}, { NoCopy: true }, { DriverConfig: { Name: 'local' } }),
  }),
  fc.record({
    Type: fc.constant('volume' as const),
    Source: fc.constantFrom('x', 'pool/data', 'a b'),
    VolumeOptions: fc.constant({ DriverConfig: { Name: 'ceph:latest' } }),
  }),
  fc.record({
    Type: fc.constant('volume' as const),
    Source: name,
    VolumeOptions: fc.constantFrom({ Subpath: 'a/b' }, { Subpath: 'a/../b' }, { Subpath: '..a' }),
  }),
  fc.record({
    Type: fc.constant('tmpfs' as const),
    TmpfsOptions: fc.record({ SizeBytes: fc.nat(), Mode: fc.constant(0o1777) }),
    BindOptions: fc.constantFrom({}, null, { NonRecursive: false }),
  }),
);

/** Whatever some Docker daemon from 20.10 on takes and starts. */
const startable: fc.Arbitrary<ContainerSpec> = fc.record(
  {
    Hosts: list(
      fc
        .tuple(address, fc.constantFrom(' ', '\t', '  '), fc.array(name, { minLength: 1, maxLength: 3 }))
        .map(([one, gap, names]) => [one, ...names].join(gap)),
    ),
    Env: list(
      fc
        .tuple(fc.stringMatching(/^[^=\0{]{1,9}$/), fc.constantFrom('', '=', '=x', '=a=b', '= '))
        .map((parts) => parts.join('')),
    ),
    Dir: fc.constantFrom('', '/', '/a b'),
    Hostname: fc.constantFrom('', 'a', 'web-1.example', 'with_underscore', 'a'.repeat(64)),
    User: fc.constantFrom('', '0', '1000:1000', 'www-data', ':1000'),
    Groups: list(name),
    StopSignal: fc.constantFrom('', 'TERM', 'SIGTERM', 'sigint', '9', 'SIGRTMIN+3', 'RTMAX-14', 'SIGPOLL'),
    Healthcheck: fc.constantFrom(
      { Test: [] },
      { Test: ['NONE'] },
      { Test: ['CMD', 'true'] },
      { Test: ['CMD-SHELL', ''] },
      { Interval: 1e9 },
    ),
    DNSConfig: fc.record({
      Nameservers: list(fc.oneof(fc.ipV4(), fc.ipV6())),
      Search: list(fc.oneof(name, fc.constant('.'))),
      Options: list(fc.constantFrom('timeout:1', 'use-vc')),
    }),
    Sysctls: fc.constantFrom(
      {},
      { 'net.core.somaxconn': '1', 'kernel.shmmax': '2', 'fs.mqueue.msg_max': '3' },
      { 'net/ipv4/conf/eth0.1/forwarding': '1', 'kernel.domainname': 'x', 'kernel.msgmni': '' },
    ),
    CapabilityAdd: list(inAnyCase(['NET_ADMIN', 'SYS_PTRACE', 'PERFMON', 'CHECKPOINT_RESTORE'])),
    CapabilityDrop: list(fc.constantFrom('ALL', 'all', 'CAP_CHOWN')),
    Ulimits: list(
      fc
        .tuple(fc.constantFrom('nofile', 'NPROC', 'memlock', 'as'), fc.nat(), fc.nat(), fc.boolean())
        .map(([Name, a, b, open]) => ({
          Name,
          Soft: Math.min(a, b),
          Hard: open ? -1 : Math.max(a, b),
        })),
    ),
    OomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
    Mounts: list(mount).map((mounts) => mounts.map((one, i) => ({ ...one, Target: `/mnt/${i}` }))),
    Privileges: fc.constantFrom(
      { NoNewPrivileges: true },
      { Seccomp: { Mode: 'unconfined' }, AppArmor: { Mode: 'disabled' } },
      { Seccomp: { Mode: 'custom', Profile: Buffer.from('{}').toString('base64') } },
    ),
  },
  { requiredKeys: [] },
);

it('refuses nothing that a daemon would start', () => {
  fc.assert(
    fc.property(startable, (container) => {
      expect(() => validate(container)).not.toThrow();
    }),
  );
});
