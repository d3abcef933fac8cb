import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { createBody } from './create-body.ts';

const owner = { nodeId: 'n1', clusterId: 'k1' };

it('leaves to the image what the spec does not say', () => {
  expect(createBody(anAssignment(), owner)).toMatchInlineSnapshot(`
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
        "shoal.cluster.id": "k1",
        "shoal.node.id": "n1",
        "shoal.task.id": "t1",
      },
      "OpenStdin": false,
      "StopTimeout": 10,
      "Tty": false,
    }
  `);
});

it('passes on everything a spec can say', () => {
  const full = anAssignment('t1', 'running', {
    container: {
      image: 'nginx:1@sha256:abc',
      labels: { tier: 'front', 'com.docker.swarm.task.id': 'forged' },
      command: ['/entry'],
      args: ['-v'],
      hostname: 'web-1',
      env: ['A=1'],
      dir: '/srv',
      user: '1000:1000',
      groups: ['video'],
      privileges: {
        noNewPrivileges: true,
        seccompMode: 'custom',
        seccompProfile: Buffer.from('{"defaultAction":"SCMP_ACT_ALLOW"}').toString('base64'),
        apparmorMode: 'disabled',
        selinuxType: 'spc_t',
        selinuxLevel: 's0',
      },
      init: false,
      stopSignal: 'SIGINT',
      stopGracePeriod: 2_500_000_000,
      tty: true,
      openStdin: true,
      readOnly: true,
      mounts: [
        {
          type: 'bind',
          source: '/data',
          target: '/d',
          readOnly: true,
          bindPropagation: 'rslave',
          bindNonRecursive: true,
        },
        {
          type: 'volume',
          source: 'vol',
          target: '/v',
          volumeNoCopy: true,
          volumeLabels: { a: 'b' },
          volumeDriver: { name: 'local', options: { type: 'nfs' } },
        },
        { type: 'volume', target: '/anonymous' },
        { type: 'tmpfs', target: '/t', tmpfsSizeBytes: 1_048_576, tmpfsMode: 0o700 },
        { type: 'image', source: 'busybox', target: '/i', imageSubpath: 'bin' },
      ],
      healthcheck: {
        test: ['CMD', 'true'],
        interval: 1e9,
        timeout: 2e9,
        startPeriod: 3e9,
        startInterval: 4e9,
        retries: 5,
      },
      hosts: ['10.0.0.1 db db.local', '::1  six', 'broken'],
      dns: { nameservers: ['9.9.9.9'], search: ['example.org'], options: ['ndots:2'] },
      sysctls: { 'net.core.somaxconn': '1024' },
      capabilityAdd: ['CAP_NET_ADMIN'],
      capabilityDrop: ['CAP_MKNOD'],
      ulimits: [{ name: 'nofile', soft: 1_000, hard: 2_000 }],
      oomScoreAdj: 100,
    },
    limits: { nanoCpus: 5e8, memoryBytes: 67_108_864, pids: 50, swapBytes: 1_000, memorySwappiness: 0 },
    reservations: { memoryBytes: 33_554_432 },
    ports: [
      { protocol: 'tcp', target: 80, published: 8080 },
      { protocol: 'tcp', target: 80, published: 8081 },
      { protocol: 'udp', target: 53, published: 0 },
    ],
    logDriver: { name: 'json-file', options: { 'max-size': '1m' } },
    genericResources: [
      { kind: 'gpu', name: 'uuid1' },
      { kind: 'gpu', name: 'uuid2' },
      { kind: 'ssd', amount: 3 },
    ],
  });
  expect(createBody(full, owner)).toMatchInlineSnapshot(`
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
        "shoal.cluster.id": "k1",
        "shoal.node.id": "n1",
        "shoal.task.id": "t1",
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
