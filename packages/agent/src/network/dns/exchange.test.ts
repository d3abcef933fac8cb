import { encode, RECURSION_DESIRED } from 'dns-packet';
import { expect, it } from 'vitest';
import { isAnswerTo } from './exchange.ts';

const packet = (type: 'query' | 'response', name: string, id = 1, kind: 'A' | 'AAAA' = 'A', flags = 0) =>
  encode({ type, id, flags: RECURSION_DESIRED | flags, questions: [{ type: kind, name }] });

it('an answer has the id and the question that were sent', () => {
  const query = packet('query', 'a.example');
  expect(isAnswerTo(query, packet('response', 'A.Example'))).toBe(true);
  expect(isAnswerTo(query, packet('query', 'a.example'))).toBe(false);
  expect(isAnswerTo(query, packet('response', 'a.example', 2))).toBe(false);
  expect(isAnswerTo(query, packet('response', 'b.example'))).toBe(false);
  expect(isAnswerTo(query, packet('response', 'a.example', 1, 'AAAA'))).toBe(false);
  expect(isAnswerTo(query, packet('response', 'a.example').subarray(0, -1))).toBe(false);
  expect(isAnswerTo(query, Buffer.alloc(3))).toBe(false);
});

it('a server may leave the question out of an error, of nothing else', () => {
  const query = packet('query', 'a.example');
  const bare = (flags: number) => encode({ type: 'response', id: 1, flags, questions: [] });
  expect(isAnswerTo(query, bare(1))).toBe(true);
  expect(isAnswerTo(query, bare(0))).toBe(false);
});
