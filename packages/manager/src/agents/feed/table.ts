import type { Kind, ObjectOf } from '@shoal/proto';
import { endpoint } from './endpoint.ts';
import type { FeedKind } from './kind.ts';
import { network } from './network.ts';
import { payload } from './payload.ts';
import { peer } from './peer.ts';
import { service } from './service.ts';
import { slice } from './slice.ts';
import { task } from './task.ts';

/** Who needs an object of each kind, and how it looks on the wire. */
export const feedKinds: { readonly [K in Kind]: FeedKind<ObjectOf<K>> } = {
  task,
  network,
  slice,
  service,
  endpoint,
  peer,
  secret: payload('secret'),
  config: payload('config'),
};
