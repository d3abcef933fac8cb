import { formatAddress } from '@shoal/proto/rules';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ServiceEndpoints } from '../state/state.ts';
import type { Answer } from './answer.ts';
import { NameTable } from './name-table.ts';
import { recordType } from './query.ts';
import { aNetwork, anEndpoint, aServiceOn, aState } from './testing.ts';

const networks = [aNetwork('a_net', 1), aNetwork('b', 2, { internal: true }), aNetwork('web', 3)];
const names = ['web', 'db', 'a_web', 'a_db'];
const stacks = ['', 'a'];

const aService: fc.Arbitrary<ServiceEndpoints> = fc
  .record({
    name: fc.constantFrom(...names),
    stack: fc.constantFrom(...stacks),
    mode: fc.constantFrom('vip' as const, 'dnsrr' as const),
    on: fc.subarray(networks),
    alias: fc.constantFrom('db', 'API', 'web.1'),
    numbers: fc.uniqueArray(fc.integer({ min: 2, max: 6 }), { maxLength: 3 }),
  })
  .map(({ name, stack, mode, on, alias, numbers }) => {
    const service = aServiceOn(name, on, {
      stack,
      mode,
      endpoints: numbers.map((number, index) => anEndpoint(`${name}.${index + 1}`, on, number)),
    });
    return { ...service, attachments: service.attachments.map((each) => ({ ...each, aliases: [alias] })) };
  });

const aSnapshot = fc.record({
  on: fc.subarray(networks),
  services: fc.uniqueArray(aService, { selector: ({ id }) => id, maxLength: 4 }),
});

const base = [
  ...names,
  'api',
  'web.a',
  'db.a',
  'tasks.web',
  'tasks.db',
  'web.1',
  'a_db.2',
  'nothing',
  'x.org',
];
const questions = [
  ...[...base, ...base.flatMap((name) => networks.map((network) => `${name}.${network.name}`))].map(
    (name) => ({
      name,
      type: recordType.A,
    }),
  ),
  ...networks.flatMap(({ number }) =>
    [2, 3, 4, 5, 6].map((host) => ({ name: `${host}.1.${number}.10.in-addr.arpa`, type: recordType.PTR })),
  ),
];
const everybody = networks.map((_, index) => networks.slice(index).map(({ id }) => id));

const sorted = (given: Answer): Answer =>
  given.kind === 'addresses' ? { ...given, addresses: given.addresses.toSorted() } : given;
const answersOf = (table: NameTable) =>
  questions.flatMap((question) => everybody.map((ids) => sorted(table.answer(question, ids))));

it('a table that followed every change answers like one made anew', () => {
  fc.assert(
    fc.property(fc.array(aSnapshot, { minLength: 1, maxLength: 6 }), (snapshots) => {
      const followed = new NameTable(Math.random);
      for (const { on, services } of snapshots) {
        followed.update(aState(on, services));
        const anew = new NameTable(Math.random);
        anew.update(aState(on, services));
        expect(answersOf(followed)).toEqual(answersOf(anew));
      }
    }),
    { numRuns: 60 },
  );
});

it('answers hold addresses of the asker’s networks only', () => {
  fc.assert(
    fc.property(aSnapshot, fc.subarray(networks), ({ on, services }, own) => {
      const table = new NameTable(Math.random);
      table.update(aState(on, services));
      for (const question of questions) {
        const given = table.answer(
          question,
          own.map(({ id }) => id),
        );
        for (const address of given.kind === 'addresses' ? given.addresses : [])
          expect(own.some(({ number }) => formatAddress(address).startsWith(`10.${number}.`))).toBe(true);
        if (given.kind === 'pointer')
          expect(own.some(({ name }) => given.name.endsWith(`.${name}`))).toBe(true);
        if (given.kind === 'forward') expect(own.some(({ internal }) => !internal)).toBe(true);
      }
    }),
  );
});
