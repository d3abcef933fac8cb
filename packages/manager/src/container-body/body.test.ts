import { expect, it } from 'vitest';
import type { ContainerSpec, Task } from '../model/index.ts';
import { aNode, aService, aTask, type TaskChange } from '../testing.ts';
import { containerBody, surroundingsOf } from './index.ts';

const names = { serviceName: 'web', containerName: 'web.1.t1' };
/** What is posted, so after it went over the wire. */
const bodyOf = (parts: TaskChange, labels = {}): unknown => {
  const task = aTask('t1', { ServiceID: 's1', NodeID: 'n1', ...parts });
  const service = aService('s1', { Spec: { Name: 'web', Labels: labels } });
  return JSON.parse(JSON.stringify(containerBody(task, names, surroundingsOf(task, service, aNode('n1')))));
};

it('leaves to the image what the spec does not say', () => {
  expect(bodyOf({ Spec: { ContainerSpec: { Image: 'nginx:1' } } })).toMatchInlineSnapshot(`
    {
      "Env": [],
      "ExposedPorts": {},
      "HostConfig": {
        "AutoRemove": false,
        "CapAdd": [],
        "CapDrop": [],
        "ExtraHosts": [],
        "GroupAdd": [],
        "Mounts": [],
        "OomScoreAdj": 0,
        "PortBindings": {},
        "ReadonlyRootfs": false,
        "RestartPolicy": {
          "Name": "no",
        },
        "SecurityOpt": [],
        "Sysctls": {},
        "Ulimits": [],
      },
      "Image": "nginx:1",
      "Labels": {
        "com.docker.swarm.node.id": "n1",
        "com.docker.swarm.service.id": "s1",
        "com.docker.swarm.service.name": "web",
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": "t1",
        "com.docker.swarm.task.name": "web.1.t1",
      },
      "OpenStdin": false,
      "StopTimeout": 10,
      "Tty": false,
    }
  `);
});

/** What the API refuses is not asked for. */
type Honoured = Omit<ContainerSpec, 'Isolation'>;

it('passes on everything a spec can say', () => {
  const full: Task['Spec'] & { ContainerSpec: Required<Honoured> } = {
    ContainerSpec: {
      Image: 'nginx:1@sha256:abc',
      Labels: { tier: 'front', 'com.docker.swarm.task.id': 'forged' },
      Command: ['/entry'],
      Args: ['-v'],
      Hostname: 'web-1',
      Env: ['A=1'],
      Dir: '/srv',
      User: '1000:1000',
      Groups: ['video'],
      Privileges: {
        NoNewPrivileges: true,
        Seccomp: {
          Mode: 'custom',
          Profile: Buffer.from('{"defaultAction":"SCMP_ACT_ALLOW"}').toString('base64'),
        },
        AppArmor: { Mode: 'disabled' },
        SELinuxContext: { Type: 'spc_t', Level: 's0' },
      },
      Init: false,
      StopSignal: 'SIGINT',
      StopGracePeriod: 2_500_000_000,
      TTY: true,
      OpenStdin: true,
      ReadOnly: true,
      Mounts: [
        {
          Type: 'bind',
          Source: '/data',
          Target: '/d',
          ReadOnly: true,
          BindOptions: { Propagation: 'rslave', NonRecursive: true },
        },
        {
          Type: 'volume',
          Source: 'vol',
          Target: '/v',
          VolumeOptions: {
            NoCopy: true,
            Labels: { a: 'b' },
            DriverConfig: { Name: 'local', Options: { type: 'nfs' } },
          },
        },
        // Clients send empty options of other types with every mount.
        { Type: 'volume', Target: '/anonymous', BindOptions: {} },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o700 } },
        { Type: 'image', Source: 'busybox', Target: '/i', ImageOptions: { Subpath: 'bin' } },
      ],
      Healthcheck: {
        Test: ['CMD', 'true'],
        Interval: 1e9,
        Timeout: 2e9,
        StartPeriod: 3e9,
        StartInterval: 4e9,
        Retries: 5,
      },
      Hosts: ['10.0.0.1 db db.local', '::1  six', 'broken'],
      DNSConfig: { Nameservers: ['9.9.9.9'], Search: ['example.org'], Options: ['ndots:2'] },
      Sysctls: { 'net.core.somaxconn': '1024' },
      CapabilityAdd: ['CAP_NET_ADMIN'],
      CapabilityDrop: ['CAP_MKNOD'],
      Ulimits: [{ Name: 'nofile', Soft: 1_000, Hard: 2_000 }],
      OomScoreAdj: 100,
      Secrets: [{ SecretID: 'x', SecretName: 'key', File: { Name: 'key.pem' } }],
      Configs: [{ ConfigID: 'y', ConfigName: 'conf', File: { Name: '/etc/conf' } }],
    },
    Resources: {
      Limits: { NanoCPUs: 5e8, MemoryBytes: 67_108_864, Pids: 50 },
      Reservations: { MemoryBytes: 33_554_432 },
      SwapBytes: 1_000,
      MemorySwappiness: 0,
    },
    LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } },
  };
  const ports = [
    { Protocol: 'tcp' as const, TargetPort: 80, PublishedPort: 8080 },
    { TargetPort: 80, PublishedPort: 8081 },
    { Protocol: 'udp' as const, TargetPort: 53 },
  ];
  const genericResources = [
    { NamedResourceSpec: { Kind: 'gpu', Value: 'uuid1' } },
    { NamedResourceSpec: { Kind: 'gpu', Value: 'uuid2' } },
    { DiscreteResourceSpec: { Kind: 'ssd', Value: 3 } },
  ];
  for (const field of Object.keys(full.ContainerSpec)) {
    const less = { ...full, ContainerSpec: { ...full.ContainerSpec, [field]: undefined } };
    expect(bodyOf({ Spec: less }), field).not.toEqual(bodyOf({ Spec: full }));
  }
  expect(
    bodyOf({
      Spec: full,
      placement: { at: '', scores: {}, genericResources },
      shoal: { specVersion: 1, ports },
    }),
  ).toMatchInlineSnapshot(`
    {
      "Cmd": [
        "-v",
      ],
      "Entrypoint": [
        "/entry",
      ],
      "Env": [
        "A=1",
        "DOCKER_RESOURCE_GPU=uuid1,uuid2",
        "DOCKER_RESOURCE_SSD=3",
      ],
      "ExposedPorts": {
        "53/udp": {},
        "80/tcp": {},
      },
      "Healthcheck": {
        "Interval": 1000000000,
        "Retries": 5,
        "StartInterval": 4000000000,
        "StartPeriod": 3000000000,
        "Test": [
          "CMD",
          "true",
        ],
        "Timeout": 2000000000,
      },
      "HostConfig": {
        "AutoRemove": false,
        "CapAdd": [
          "CAP_NET_ADMIN",
        ],
        "CapDrop": [
          "CAP_MKNOD",
        ],
        "Dns": [
          "9.9.9.9",
        ],
        "DnsOptions": [
          "ndots:2",
        ],
        "DnsSearch": [
          "example.org",
        ],
        "ExtraHosts": [
          "db:10.0.0.1",
          "db.local:10.0.0.1",
          "six:::1",
        ],
        "GroupAdd": [
          "video",
        ],
        "Init": false,
        "LogConfig": {
          "Config": {
            "max-size": "1m",
          },
          "Type": "json-file",
        },
        "Memory": 67108864,
        "MemoryReservation": 33554432,
        "MemorySwap": 67109864,
        "MemorySwappiness": 0,
        "Mounts": [
          {
            "BindOptions": {
              "NonRecursive": true,
              "Propagation": "rslave",
            },
            "ReadOnly": true,
            "Source": "/data",
            "Target": "/d",
            "Type": "bind",
          },
          {
            "ReadOnly": false,
            "Source": "vol",
            "Target": "/v",
            "Type": "volume",
            "VolumeOptions": {
              "DriverConfig": {
                "Name": "local",
                "Options": {
                  "type": "nfs",
                },
              },
              "Labels": {
                "a": "b",
              },
              "NoCopy": true,
            },
          },
          {
            "ReadOnly": false,
            "Target": "/anonymous",
            "Type": "volume",
            "VolumeOptions": {
              "Labels": {},
              "NoCopy": false,
            },
          },
          {
            "ReadOnly": false,
            "Target": "/t",
            "TmpfsOptions": {
              "Mode": 448,
              "SizeBytes": 1048576,
            },
            "Type": "tmpfs",
          },
          {
            "ImageOptions": {
              "Subpath": "bin",
            },
            "ReadOnly": false,
            "Source": "busybox",
            "Target": "/i",
            "Type": "image",
          },
          {
            "ReadOnly": true,
            "Source": "/run/shoal/secrets/t1/0",
            "Target": "/run/secrets/key.pem",
            "Type": "bind",
          },
          {
            "ReadOnly": true,
            "Source": "/run/shoal/secrets/t1/1",
            "Target": "/etc/conf",
            "Type": "bind",
          },
        ],
        "NanoCpus": 500000000,
        "OomScoreAdj": 100,
        "PidsLimit": 50,
        "PortBindings": {
          "53/udp": [
            {
              "HostPort": "",
            },
          ],
          "80/tcp": [
            {
              "HostPort": "8080",
            },
            {
              "HostPort": "8081",
            },
          ],
        },
        "ReadonlyRootfs": true,
        "RestartPolicy": {
          "Name": "no",
        },
        "SecurityOpt": [
          "label=level:s0",
          "label=type:spc_t",
          "seccomp={"defaultAction":"SCMP_ACT_ALLOW"}",
          "apparmor=unconfined",
          "no-new-privileges=true",
        ],
        "Sysctls": {
          "net.core.somaxconn": "1024",
        },
        "Ulimits": [
          {
            "Hard": 2000,
            "Name": "nofile",
            "Soft": 1000,
          },
        ],
      },
      "Hostname": "web-1",
      "Image": "nginx:1@sha256:abc",
      "Labels": {
        "com.docker.swarm.node.id": "n1",
        "com.docker.swarm.service.id": "s1",
        "com.docker.swarm.service.name": "web",
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": "t1",
        "com.docker.swarm.task.name": "web.1.t1",
        "tier": "front",
      },
      "OpenStdin": true,
      "StopSignal": "SIGINT",
      "StopTimeout": 3,
      "Tty": true,
      "User": "1000:1000",
      "WorkingDir": "/srv",
    }
  `);
});

it('leaves to Docker what is null, as Go clients write it', () => {
  const Spec = {
    ContainerSpec: {
      Image: 'nginx:1',
      Command: null,
      Env: null,
      Mounts: null,
      Healthcheck: null,
      Init: null,
      Privileges: null,
      StopGracePeriod: null,
    },
    Resources: { Limits: null, MemorySwappiness: null, SwapBytes: null },
    LogDriver: null,
  };
  expect(bodyOf({ Spec } as unknown as TaskChange)).toEqual(
    bodyOf({ Spec: { ContainerSpec: { Image: 'nginx:1' } } }),
  );
});

it.each([
  ['host', {}, 'host'],
  ['service:db', { companion: { taskId: 't2', nodeId: 'n1', container: 'db.1.t2' } }, 'container:db.1.t2'],
])('what it has instead of networks: %s', (networkMode, more, expected) => {
  expect(bodyOf({ shoal: { specVersion: 1, ports: [], networkMode, ...more } })).toMatchObject({
    HostConfig: { NetworkMode: expected },
  });
});

it('what it gets of its host', () => {
  const hostAccess = {
    privileged: true as const,
    devices: [{ onHost: '/dev/fuse', inContainer: '/dev/fuse', permissions: 'rw' }],
    namespaces: ['pid' as const, 'userns' as const],
  };
  expect(bodyOf({ shoal: { specVersion: 1, ports: [], hostAccess } })).toMatchObject({
    HostConfig: {
      Privileged: true,
      Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rw' }],
      PidMode: 'host',
      UsernsMode: 'host',
    },
  });
});

it.each([
  ['unlimited swap', { Limits: { MemoryBytes: 1e8 }, SwapBytes: -1 }, { Memory: 1e8, MemorySwap: -1 }],
  ['no swap', { Limits: { MemoryBytes: 1e8 }, SwapBytes: 0 }, { Memory: 1e8, MemorySwap: 1e8 }],
  ['swap without a limit on memory, which says nothing', { SwapBytes: 1e8 }, {}],
  [
    'a reservation above the limit, which Docker refuses',
    { Limits: { MemoryBytes: 1e8 }, Reservations: { MemoryBytes: 2e8 } },
    { Memory: 1e8 },
  ],
  ['a reservation too small for Docker', { Reservations: { MemoryBytes: 4_194_304 } }, {}],
])('resources: %s', (_name, Resources, expected) => {
  const { HostConfig } = bodyOf({ Spec: { Resources } }) as { HostConfig: Record<string, unknown> };
  const { Memory, MemorySwap, MemoryReservation } = HostConfig;
  expect(JSON.parse(JSON.stringify({ Memory, MemorySwap, MemoryReservation }))).toEqual(expected);
});

it('fills in templates where Swarm does, and nowhere else', () => {
  const Spec: Task['Spec'] = {
    ContainerSpec: {
      Image: 'nginx:1',
      Hostname: '{{.Service.Name}}-{{.Task.Slot}}',
      Env: [
        'WHERE={{.Node.Hostname}} ({{.Node.Platform.OS}})',
        '{{.Task.ID}}',
        'TEAM={{index .Service.Labels "team"}}',
      ],
      Args: ['{{.Task.ID}}'],
      Mounts: [
        {
          Type: 'volume',
          Source: 'data-{{.Task.Slot}}',
          Target: '/{{.Service.Name}}',
          VolumeOptions: {
            Labels: { node: '{{.Node.ID}}' },
            DriverConfig: { Options: { o: '{{.Task.Name}}' } },
          },
        },
      ],
    },
  };
  expect(bodyOf({ Spec, Slot: 3 }, { team: 'blue' })).toMatchObject({
    Hostname: 'web-3',
    Env: ['WHERE=n1 (linux)', '{{.Task.ID}}', 'TEAM=blue'],
    Cmd: ['{{.Task.ID}}'],
    HostConfig: {
      Mounts: [
        {
          Source: 'data-3',
          Target: '/web',
          VolumeOptions: { Labels: { node: 'n1' }, DriverConfig: { Options: { o: 'web.3.t1' } } },
        },
      ],
    },
  });
});

it('mounts secrets and configs where Docker does, from the memory of the host', () => {
  const Spec: Task['Spec'] = {
    ContainerSpec: {
      Image: 'nginx:1',
      Secrets: [
        { SecretID: 's', SecretName: 'key', File: { Name: 'tls/key.pem' } },
        { SecretID: 's', SecretName: 'key', File: { Name: '/etc/key.pem' } },
      ],
      Configs: [{ ConfigID: 'c', ConfigName: 'conf', File: { Name: 'conf' } }],
    },
  };
  const mount = (place: number, Target: string) => ({
    Type: 'bind',
    Source: `/run/shoal/secrets/t1/${place}`,
    Target,
    ReadOnly: true,
  });
  expect(bodyOf({ Spec })).toMatchObject({
    HostConfig: {
      Mounts: [mount(0, '/run/secrets/tls/key.pem'), mount(1, '/etc/key.pem'), mount(2, '/conf')],
    },
  });
});
