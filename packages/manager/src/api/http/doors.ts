import type { IncomingMessage } from 'node:http';

/** What kind of listener a request came through: the unix socket, TCP in the clear, or TLS. */
export type Door = 'socket' | 'plain' | 'tls';

const doors = new WeakMap<IncomingMessage, Door>();

/** Only listeners call this: what came through none of them is nobody's. */
export const enterBy = (door: Door, request: IncomingMessage): void => void doors.set(request, door);

export const doorOf = (request: IncomingMessage): Door | undefined => doors.get(request);
