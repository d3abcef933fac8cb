import { type Static, Type } from 'typebox';
import { count, nanoseconds, object, opt, stringMap } from './schema.ts';

/** Docker's spec of the cluster itself. */
export const SwarmSpec = object({
  Name: opt(Type.String()),
  Labels: opt(stringMap),
  Orchestration: opt(object({ TaskHistoryRetentionLimit: opt(count) })),
  Raft: opt(Type.Object({})),
  Dispatcher: opt(object({ HeartbeatPeriod: opt(nanoseconds) })),
  CAConfig: opt(
    object({
      NodeCertExpiry: opt(nanoseconds),
      ForceRotate: opt(count),
      SigningCACert: opt(Type.String()),
      SigningCAKey: opt(Type.String()),
      ExternalCAs: opt(Type.Array(Type.Object({}))),
    }),
  ),
  TaskDefaults: opt(Type.Object({})),
  EncryptionConfig: opt(object({ AutoLockManagers: opt(Type.Boolean()) })),
});
export type SwarmSpec = Static<typeof SwarmSpec>;

/** Of `POST /swarm/unlock`. */
export const UnlockRequest = object({ UnlockKey: Type.String() });
export type UnlockRequest = Static<typeof UnlockRequest>;
