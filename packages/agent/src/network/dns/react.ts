import type { Answer, Question } from './answer.ts';
import { negativeTtl } from './answer.ts';
import { parseQuery, type Query, recordClass, responseCode } from './query.ts';
import { largestTcpAnswer, type Response, udpLimit, writeError, writeResponse } from './response.ts';

export type Transport = 'udp' | 'tcp';

export type Reaction =
  | { readonly kind: 'reply'; readonly packet: Buffer }
  | { readonly kind: 'forward'; readonly query: Query; readonly beyondSite: boolean }
  | { readonly kind: 'drop' };

/** What to do with a message that came in: any bytes at all. */
export function react(
  packet: Buffer,
  transport: Transport,
  answerTo: (question: Question) => Answer,
): Reaction {
  const parsed = parseQuery(packet);
  if (parsed.kind === 'drop') return parsed;
  if (parsed.kind === 'reject') return { kind: 'reply', packet: writeError(packet, parsed.code) };
  const { query } = parsed;
  const refusal = refusalOf(query);
  if (refusal !== undefined) return { kind: 'reply', packet: writeError(packet, refusal, query) };
  const given = answerTo(query);
  if (given.kind === 'forward') return { kind: 'forward', query, beyondSite: given.beyondSite };
  if (given.kind === 'refused')
    return { kind: 'reply', packet: writeError(packet, responseCode.refused, query) };
  const limit = transport === 'tcp' ? largestTcpAnswer : udpLimit(query);
  return { kind: 'reply', packet: writeResponse(query, responseOf(given), limit) };
}

function refusalOf(query: Query): number | undefined {
  if (query.edns && query.edns.version > 0) return responseCode.badVersion;
  if (query.class !== recordClass.IN && query.class !== recordClass.ANY) return responseCode.refused;
  return undefined;
}

function responseOf(given: Exclude<Answer, { kind: 'forward' | 'refused' }>): Response {
  switch (given.kind) {
    case 'addresses':
      return { code: responseCode.noError, ttl: given.ttl, addresses: given.addresses };
    case 'pointer':
      return { code: responseCode.noError, ttl: given.ttl, pointsTo: given.name };
    case 'nodata':
      return { code: responseCode.noError, ttl: negativeTtl };
    case 'nxdomain':
      return { code: responseCode.nameError, ttl: negativeTtl };
  }
}
