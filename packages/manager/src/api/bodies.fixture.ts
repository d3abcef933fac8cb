/** Requests that are nearly right: bodies that a route takes, with something changed in them. */
import fc from 'fast-check';
import type { NetworkSpec, ServiceSpec } from '../model/index.ts';

/** A service that says something in nearly every field. */
export const fullService: ServiceSpec = {
  Name: 'web',
  Labels: { a: 'b' },
  TaskTemplate: {
    ContainerSpec: {
      Image: 'web:1',
      Labels: { c: 'd' },
      Command: ['sleep'],
      Args: ['1'],
      Hostname: 'web',
      Env: ['A=b'],
      Dir: '/tmp',
      User: '1000',
      Groups: ['audio'],
      TTY: false,
      OpenStdin: false,
      ReadOnly: true,
      Init: true,
      StopSignal: 'SIGINT',
      StopGracePeriod: 1e9,
      Mounts: [
        {
          Type: 'volume',
          Source: 'data',
          Target: '/v',
          ReadOnly: true,
          VolumeOptions: { NoCopy: true, Labels: { e: 'f' }, DriverConfig: { Name: 'local' } },
        },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 4096, Mode: 0o700 } },
        { Type: 'bind', Source: '/etc', Target: '/b', BindOptions: { Propagation: 'rprivate' } },
      ],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Timeout: 1e9, StartPeriod: 1e9, Retries: 3 },
      Hosts: ['10.1.2.3 db'],
      DNSConfig: { Nameservers: ['1.1.1.1'], Search: ['lan'], Options: ['timeout:1'] },
      Privileges: {
        SELinuxContext: { User: 'u' },
        Seccomp: { Mode: 'default' },
        AppArmor: { Mode: 'default' },
        NoNewPrivileges: true,
      },
      Isolation: 'default',
      Sysctls: { 'net.core.somaxconn': '1024' },
      CapabilityAdd: ['CAP_NET_ADMIN'],
      CapabilityDrop: ['ALL'],
      Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
      OomScoreAdj: 10,
    },
    Resources: {
      Limits: { NanoCPUs: 1e9, MemoryBytes: 2 ** 26, Pids: 100 },
      Reservations: {
        NanoCPUs: 1e8,
        MemoryBytes: 2 ** 25,
        GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }],
      },
    },
    RestartPolicy: { Condition: 'any', Delay: 1, MaxAttempts: 3, Window: 1e9 },
    Placement: {
      Constraints: ['node.role==worker'],
      Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
      MaxReplicas: 3,
      Platforms: [{ OS: 'linux', Architecture: 'amd64' }],
    },
    Networks: [{ Target: 'shop', Aliases: ['api'] }],
    LogDriver: { Name: 'json-file', Options: { a: 'b' } },
    ForceUpdate: 1,
    Runtime: 'container',
  },
  Mode: { Replicated: { Replicas: 2 } },
  UpdateConfig: {
    Parallelism: 1,
    Delay: 1e9,
    FailureAction: 'rollback',
    Monitor: 1e9,
    MaxFailureRatio: 0.5,
    Order: 'start-first',
  },
  RollbackConfig: { Parallelism: 1, Order: 'stop-first' },
  EndpointSpec: {
    Mode: 'vip',
    Ports: [{ Name: 'http', Protocol: 'tcp', TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }],
  },
};

export const fullJob: ServiceSpec = {
  Name: 'thumbs',
  Labels: {
    'shoal.cron': '30 2 * * *',
    'shoal.cron.timezone': 'Europe/Berlin',
    'shoal.priority': '5',
    'shoal.drain': '2s',
  },
  TaskTemplate: { ContainerSpec: { Image: 'web:1' }, RestartPolicy: { Condition: 'on-failure' } },
  Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 2 } },
};

export const fullSwarm = {
  Name: 'default',
  Labels: { a: 'b', 'shoal.encrypt': 'on' },
  Orchestration: { TaskHistoryRetentionLimit: 3 },
  Raft: { SnapshotInterval: 0 },
  Dispatcher: { HeartbeatPeriod: 500_000_000 },
  CAConfig: { NodeCertExpiry: 7_776_000_000_000_000, ForceRotate: 0 },
  EncryptionConfig: { AutoLockManagers: false },
};

export const fullNetwork: NetworkSpec = {
  Name: 'back',
  CheckDuplicate: true,
  Driver: 'overlay',
  Scope: 'swarm',
  EnableIPv6: false,
  Internal: true,
  Attachable: true,
  IPAM: {
    Driver: 'default',
    Config: [
      {
        Subnet: '10.99.0.0/16',
        IPRange: '10.99.1.0/24',
        Gateway: '10.99.0.1',
        AuxiliaryAddresses: { router: '10.99.0.2' },
      },
    ],
  },
  Options: { encrypted: 'false', mtu: '1400' },
  Labels: { a: 'b' },
};

export type Path = readonly (string | number)[];

export const pathsOf = (value: unknown, path: Path = []): Path[] => [
  path,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, item]) =>
        pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
      )
    : []),
];

/** `root` with another value at `path`. */
export function replaced(root: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(root)) return root.map((item, i) => (i === key ? replaced(item, rest, value) : item));
  const object = (root ?? {}) as Record<string, unknown>;
  return { ...object, [key]: replaced(object[key], rest, value) };
}

/** What somebody's program may send by mistake. */
export const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, '', ' ', 0, -1, 0.5, 1e300, 2 ** 53, -(2 ** 63), true, [], {}, [null], [[]]),
  fc.constantFrom(
    '{{.Task.ID}}',
    '__proto__',
    'a'.repeat(5_000),
    '\0',
    '\n',
    '../..',
    'é☃💣',
    '%',
    '%zz',
    '1e3',
  ),
);

/** With one value changed, taken away, or one field too many. */
export const mutated = (bodies: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  bodies.chain((body) =>
    fc
      .tuple(fc.constantFrom(...pathsOf(body)), odd, fc.constantFrom('value', 'value', 'absent', 'more'))
      .map(([path, value, how]) =>
        how === 'absent' && path.length > 0
          ? replaced(body, path, undefined)
          : replaced(body, how === 'more' ? [...path, 'Nonsense'] : path, value),
      ),
  );

/** Of the OpenAPI document, as far as its bodies go. */
export interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
}

/** What a schema allows, more or less: texts and numbers are such as mean something somewhere. */
export function fromSchema(schema: Schema): fc.Arbitrary<unknown> {
  const { anyOf, properties, required = [], items, additionalProperties } = schema;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (anyOf) return fc.oneof({ weight: 9, arbitrary: fromSchema(anyOf[0] ?? {}) }, fc.constant(null));
  switch (schema.type) {
    case 'object': {
      if (typeof additionalProperties === 'object')
        return fc.dictionary(
          fc.constantFrom('a', 'shoal.priority', 'shoal.x', ''),
          fromSchema(additionalProperties),
        );
      const fields = Object.entries(properties ?? {}).map(([name, field]) => [name, fromSchema(field)]);
      return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
        requiredKeys: [...required],
      });
    }
    case 'array':
      return fc.array(fromSchema(items ?? {}), { maxLength: 2 });
    case 'string':
      return fc.constantFrom(
        ...['', 'web', 'a', 'shop', 'n1', '/data', 'A=b', '10.98.0.0/24', '10.98.0.1', 'YQ=='],
        ...['node.role==worker', 'overlay', 'vip', 'worker', 'active', 'drain', 'CMD', '1h'],
      );
    case 'integer':
    case 'number':
      return fc.constantFrom(0, 1, 2, 3, 80, 100, 1e9, 2 ** 26, -1);
    case 'boolean':
      return fc.boolean();
    default:
      return odd;
  }
}
