import { type Static, Type } from 'typebox';
import { Driver } from './common.ts';
import { nanoseconds, object, oneOf, opt, stringMap } from './schema.ts';

const strings = Type.Array(Type.String());

export const Mount = object({
  Type: opt(oneOf('bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image')),
  Source: opt(Type.String()),
  Target: opt(Type.String()),
  ReadOnly: opt(Type.Boolean()),
  Consistency: opt(Type.String()),
  BindOptions: opt(
    object({
      Propagation: opt(Type.String()),
      NonRecursive: opt(Type.Boolean()),
      CreateMountpoint: opt(Type.Boolean()),
      ReadOnlyNonRecursive: opt(Type.Boolean()),
      ReadOnlyForceRecursive: opt(Type.Boolean()),
    }),
  ),
  VolumeOptions: opt(
    object({
      NoCopy: opt(Type.Boolean()),
      Labels: opt(stringMap),
      Subpath: opt(Type.String()),
      DriverConfig: opt(Driver),
    }),
  ),
  ImageOptions: opt(object({ Subpath: opt(Type.String()) })),
  TmpfsOptions: opt(
    object({
      SizeBytes: opt(Type.Integer({ minimum: 0 })),
      Mode: opt(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 })),
      Options: opt(Type.Array(strings)),
    }),
  ),
  ClusterOptions: opt(object({})),
});
export type Mount = Static<typeof Mount>;

export const HealthConfig = object({
  Test: opt(strings),
  Interval: opt(nanoseconds),
  Timeout: opt(nanoseconds),
  StartPeriod: opt(nanoseconds),
  StartInterval: opt(nanoseconds),
  Retries: opt(Type.Integer()),
});

/** Filled in by the manager: which content of the secret or config, whatever it holds by now. */
const contentVersion = opt(
  Type.Integer({
    minimum: 0,
    description: "Filled in by the manager with the newest there is; not one of Docker's fields",
  }),
);

const fileTarget = opt(
  object({
    Name: opt(Type.String()),
    UID: opt(Type.String()),
    GID: opt(Type.String()),
    Mode: opt(Type.Integer()),
  }),
);

export const Privileges = object({
  CredentialSpec: opt(
    object({ Config: opt(Type.String()), File: opt(Type.String()), Registry: opt(Type.String()) }),
  ),
  SELinuxContext: opt(
    object({
      Disable: opt(Type.Boolean()),
      User: opt(Type.String()),
      Role: opt(Type.String()),
      Type: opt(Type.String()),
      Level: opt(Type.String()),
    }),
  ),
  Seccomp: opt(object({ Mode: opt(Type.String()), Profile: opt(Type.String()) })),
  AppArmor: opt(object({ Mode: opt(Type.String()) })),
  NoNewPrivileges: opt(Type.Boolean()),
});

export const ContainerSpec = object({
  Image: opt(Type.String()),
  Labels: opt(stringMap),
  Command: opt(strings),
  Args: opt(strings),
  Hostname: opt(Type.String()),
  Env: opt(strings),
  Dir: opt(Type.String()),
  User: opt(Type.String()),
  Groups: opt(strings),
  Privileges: opt(Privileges),
  Init: opt(Type.Boolean()),
  StopSignal: opt(Type.String()),
  TTY: opt(Type.Boolean()),
  OpenStdin: opt(Type.Boolean()),
  ReadOnly: opt(Type.Boolean()),
  Mounts: opt(Type.Array(Mount)),
  StopGracePeriod: opt(nanoseconds),
  Healthcheck: opt(HealthConfig),
  Hosts: opt(strings),
  DNSConfig: opt(object({ Nameservers: opt(strings), Search: opt(strings), Options: opt(strings) })),
  Secrets: opt(
    Type.Array(
      object({
        File: fileTarget,
        SecretID: opt(Type.String()),
        SecretName: opt(Type.String()),
        ContentVersion: contentVersion,
      }),
    ),
  ),
  Configs: opt(
    Type.Array(
      object({
        File: fileTarget,
        Runtime: opt(object({})),
        ConfigID: opt(Type.String()),
        ConfigName: opt(Type.String()),
        ContentVersion: contentVersion,
      }),
    ),
  ),
  Isolation: opt(Type.String()),
  Sysctls: opt(stringMap),
  CapabilityAdd: opt(strings),
  CapabilityDrop: opt(strings),
  Ulimits: opt(
    Type.Array(object({ Name: opt(Type.String()), Soft: opt(Type.Integer()), Hard: opt(Type.Integer()) })),
  ),
  OomScoreAdj: opt(Type.Integer()),
});
export type ContainerSpec = Static<typeof ContainerSpec>;
