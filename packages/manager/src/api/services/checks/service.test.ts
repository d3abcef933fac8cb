import { describe, expect, it } from 'vitest';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '../../../model/index.ts';
import { aSpec } from '../../testing.ts';
import { validateService } from './service.ts';

const container = (change: ContainerSpec): ServiceSpec =>
  aSpec({ TaskTemplate: { ContainerSpec: { Image: 'web:1', ...change } } });
const template = (change: TaskSpec): ServiceSpec =>
  aSpec({ TaskTemplate: { ContainerSpec: { Image: 'web:1' }, ...change } });
const port = { TargetPort: 80, PublishMode: 'host' } as const;

/** What Swarm refuses, and how it says so. */
const invalid: readonly [ServiceSpec, RegExp][] = [
  [aSpec({ Name: 'a b' }), /name must be valid as a DNS name component/],
  [aSpec({ Name: '-a' }), /name must be valid as a DNS name component/],
  [aSpec({ Name: 'a'.repeat(64) }), /name must be 63 characters or fewer/],
  [aSpec({ TaskTemplate: {} }), /ContainerSpec must be given/],
  [
    template({
      ContainerSpec: { Image: 'web:1', DNSConfig: { Options: ['ndots:2'] } },
      Networks: [{ Target: 'shop' }],
    }),
    /DNSConfig\.Options: ndots can not be combined with networks/,
  ],
  [
    aSpec({ Labels: { 'shoal.isolation': 'stop' }, UpdateConfig: { Order: 'start-first' } }),
    /UpdateConfig\.Order: must be stop-first with Labels\["shoal\.isolation"\]=stop/,
  ],
  [aSpec({ Labels: { 'shoal.ready.http': 'web' } }), /Labels\["shoal\.ready\.http"\]: must be PORT\/PATH/],
  [aSpec({ Labels: { 'shoal.strategy': 'blue' } }), /Labels\["shoal\.strategy"\]: must be rolling or canary/],
  [
    aSpec({ Mode: { ReplicatedJob: {} }, Labels: { 'shoal.strategy': 'canary' } }),
    /Labels\["shoal\.strategy"\]: says nothing of a job/,
  ],
  [container({ Image: '' }), /image reference must be provided/],
  [container({ Image: 'A B' }), /"A B" is not a valid repository\/tag/],
  [container({ Image: 'a'.repeat(64) }), /not a valid repository\/tag/],
  [aSpec({ Mode: { Replicated: {}, Global: {} } }), /must specify only one service mode/],
  [aSpec({ Mode: { Replicated: { Replicas: 1e9 } } }), /^Mode\.Replicated\.Replicas/],
  [template({ Resources: { Limits: { NanoCPUs: 10 } } }), /invalid cpu value 1e-8: Must be at least 0\.001/],
  [
    template({ Resources: { Reservations: { MemoryBytes: 100 } } }),
    /memory value 100: Must be at least 4MiB/,
  ],
  [
    template({ Resources: { Limits: { NanoCPUs: 1e9 }, Reservations: { NanoCPUs: 2e9 } } }),
    /^TaskTemplate\.Resources\.Reservations\.NanoCPUs: .* more than the limit/,
  ],
  [template({ Resources: { SwapBytes: 1 } }), /no memory-limit was set/],
  [template({ RestartPolicy: { Delay: -1 } }), /restart-delay cannot be negative/],
  [template({ Placement: { Constraints: ['foo=bar'] } }), /foo=bar/],
  [template({ Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'foo' } }] } }), /node\.labels\.NAME/],
  [
    container({
      Mounts: [
        { Type: 'bind', Source: '/a', Target: '/x' },
        { Type: 'tmpfs', Target: '/x' },
      ],
    }),
    /duplicate mount point: \/x/,
  ],
  [container({ Mounts: [{ Type: 'bind', Source: 'a', Target: '/x' }] }), /must be an absolute path: a/],
  [container({ Mounts: [{ Type: 'volume', Source: '/a', Target: '/x' }] }), /must not be an absolute path/],
  [container({ Mounts: [{ Type: 'tmpfs', Target: 'x' }] }), /invalid mount target/],
  [container({ Healthcheck: { Interval: 10 } }), /Interval in HealthConfig cannot be less than 1ms/],
  [container({ Env: ['=x'] }), /Env\[0\]/],
  [aSpec({ UpdateConfig: { Delay: -1 } }), /update-delay cannot be negative/],
  [
    aSpec({
      EndpointSpec: {
        Ports: [
          { ...port, PublishedPort: 1 },
          { ...port, PublishedPort: 1 },
        ],
      },
    }),
    /duplicate published ports/,
  ],
  [
    aSpec({ EndpointSpec: { Mode: 'dnsrr', Ports: [{ TargetPort: 80 }] } }),
    /port published with ingress mode can't be used with dnsrr mode/,
  ],
  [aSpec({ EndpointSpec: { Ports: [{ PublishMode: 'host' }] } }), /^EndpointSpec\.Ports\[0\]\.TargetPort/],
];

/** What Shoal can't do yet: refused by the field's path. */
const unsupported: readonly [ServiceSpec, string][] = [
  [template({ PluginSpec: { Name: 'x' } }), 'TaskTemplate.PluginSpec'],
  [template({ Runtime: 'plugin' }), 'TaskTemplate.Runtime'],
  [aSpec({ Labels: { 'shoal.lb': 'best' } }), 'Labels["shoal.lb"]'],
  [aSpec({ Labels: { 'shoal.rebalance': 'no' } }), 'Labels["shoal.rebalance"]'],
  [
    container({ Configs: [{ ConfigName: 'x', Runtime: {} }] }),
    'TaskTemplate.ContainerSpec.Configs[0].Runtime',
  ],
  [
    container({ Privileges: { CredentialSpec: { File: 'x' } } }),
    'TaskTemplate.ContainerSpec.Privileges.CredentialSpec',
  ],
  [container({ Isolation: 'hyperv' }), 'TaskTemplate.ContainerSpec.Isolation'],
  [
    container({ Mounts: [{ Type: 'cluster', Source: 'a', Target: '/x' }] }),
    'TaskTemplate.ContainerSpec.Mounts[0].Type',
  ],
];

const secret = (File: object) => container({ Secrets: [{ SecretID: 'x', SecretName: 'key', File }] });
const both = (secretName: string, configName: string) =>
  container({
    Secrets: [{ SecretID: 'x', SecretName: 'key', File: { Name: secretName } }],
    Configs: [{ ConfigID: 'y', ConfigName: 'conf', File: { Name: configName } }],
    Mounts: [{ Type: 'tmpfs', Target: '/scratch/' }],
  });

/** Secrets, configs and templates that could only end in a task that never starts, each with the path. */
const broken: readonly [ServiceSpec, string][] = [
  [container({ Secrets: [{ SecretName: 'key' }] }), 'Secrets[0]: malformed secret reference: the id'],
  [
    container({ Secrets: [{ SecretID: 'x', SecretName: 'key' }] }),
    'Secrets[0].File: malformed secret reference, no target',
  ],
  [secret({ Name: '' }), 'Secrets[0].File.Name: must be the name of a file, below /run/secrets'],
  [secret({ Name: '../key' }), 'Secrets[0].File.Name: must be the name of a file, below /run/secrets'],
  [secret({ Name: 'a/' }), 'Secrets[0].File.Name: '],
  [secret({ Name: 'key', UID: 'root' }), 'Secrets[0].File.UID: must be a number'],
  [secret({ Name: 'key', GID: '-1' }), 'Secrets[0].File.GID: must be a number'],
  [
    secret({ Name: 'key', Mode: 0o1777 }),
    'Secrets[0].File.Mode: must be permissions from 0 to 0777 (octal), got 01777',
  ],
  [both('/etc/a', 'etc/a'), "config 'conf' and secret 'key' have a conflicting target: '/etc/a'"],
  [both('key', '/scratch'), "config 'conf' and a mount have a conflicting target: '/scratch'"],
  [
    container({ Secrets: [1, 2].map(() => ({ SecretID: 'x', SecretName: 'key', File: { Name: 'a' } })) }),
    "secret references 'key' and 'key' have a conflicting target: 'a'",
  ],
  [
    container({ Hostname: '{{.Node.Name}}' }),
    'ContainerSpec.Hostname: there is no .Node.Name; there are ID, Hostname, Platform',
  ],
  [container({ Hostname: '{{.Task.ID}}'.repeat(20) }), 'Hostname: is longer than the 64 bytes'],
  [container({ Env: ['A=1', 'B={{secret "x"}}'] }), 'ContainerSpec.Env[1]: there is no function "secret"'],
  [container({ Env: ['A={{'] }), 'ContainerSpec.Env[0]: "{{" has no "}}"'],
  [
    container({ Mounts: [{ Type: 'volume', Source: '{{.Task.Slot}}', Target: '/x' }] }),
    `Mounts[0].Source: "1" can't be the name of a local volume`,
  ],
];

describe('a service spec', () => {
  it.each(invalid)('that Swarm refuses is refused: %j', (spec, message) => {
    expect(() => validateService(spec)).toThrow(message);
  });

  it.each(unsupported)('that asks for what Shoal lacks is refused by the path: %j', (spec, path) => {
    const refusal = { status: 400, message: expect.stringContaining(`${path}: `) };
    expect(() => validateService(spec)).toThrow(expect.objectContaining(refusal));
  });

  it.each(broken)('with files or templates that no host can make is refused: %j', (spec, says) => {
    const refusal = { status: 400, message: expect.stringContaining(says) };
    expect(() => validateService(spec)).toThrow(expect.objectContaining(refusal));
  });

  it.each<ServiceSpec>([
    both('key', '/etc/conf'),
    secret({ Name: '/tls/key.pem', UID: '33', GID: '33', Mode: 0o400 }),
    container({ Hostname: '{{.Node.Hostname}}', Env: ['A={{.Task.Slot}}'] }),
    container({ Mounts: [{ Type: 'volume', Source: 'data-{{.Task.Slot}}', Target: '/x' }] }),
    template({ Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.hostname' } }] } }),
    template({ Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'Engine.Labels.rack' } }] } }),
    aSpec({ EndpointSpec: { Mode: 'dnsrr', Ports: [port] } }),
    aSpec({ EndpointSpec: { Ports: [port, { TargetPort: 80 }] }, Labels: { 'shoal.drain': '0' } }),
    aSpec({ Networks: [], Mode: { ReplicatedJob: null }, EndpointSpec: { Mode: 'vip', Ports: [] } }),
    template({ Networks: null, PluginSpec: null, Runtime: 'container' }),
    container({ Secrets: [], Configs: null, Isolation: 'default', Privileges: { CredentialSpec: null } }),
    container({ Privileges: { CredentialSpec: { Config: '', File: '', Registry: '' } } }),
    container({ Image: `localhost:5000/a_b/c-d:v1.2@sha256:${'ab'.repeat(32)}`, Hostname: 'x' }),
    aSpec({
      EndpointSpec: {
        Ports: [
          { ...port, PublishedPort: 53 },
          { ...port, PublishedPort: 53, Protocol: 'udp' },
        ],
      },
    }),
  ])('that leaves such fields empty is fine: %j', (spec) => {
    expect(() => validateService(spec)).not.toThrow();
  });
});
