export { exchange } from './exchange.ts';
export { HostResolvers } from './host-resolvers.ts';
export { containersOf, type LocalContainer } from './local-containers.ts';
export { flag, headerLength, recordClass, recordType, responseCode } from './query.ts';
export { DnsServer, gatewaysOf } from './server.ts';
