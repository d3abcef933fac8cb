import { countNodes } from '../missing.ts';
import type { Neighbours } from '../neighbours.ts';
import type { Filter } from './filter.ts';

/** Filters that ask beside which tasks of other services a node is. */

/** Services with `shoal.affinity` go beside those that they name. */
export const affinity: Filter = {
  name: 'affinity',
  applies: (demand) => demand.near.length > 0,
  passes: (demand, { census, node }) => demand.near.every((one) => census.tasksBeside(one, node) > 0),
  why: (demand, { census, node }) =>
    demand.near
      .filter((one) => census.tasksBeside(one, node) === 0)
      .map((one) => `no task of ${where(one)}`)
      .join(', '),
  summary: (nodes) => `affinity not satisfied on ${countNodes(nodes)}`,
  missing: (demand) => ({
    names: demand.near.map(where),
    text: demand.near.map((one) => `beside tasks of ${where(one)}`).join(', '),
  }),
};

/** Two services of which one has `shoal.anti-affinity` with the other keep off each other. */
export const antiAffinity: Filter = {
  name: 'antiAffinity',
  applies: (demand) => demand.apart.length > 0,
  passes: (demand, { census, node }) => demand.apart.every((one) => census.tasksBeside(one, node) === 0),
  why: (demand, { census, node }) =>
    demand.apart
      .filter((one) => census.tasksBeside(one, node) > 0)
      .map((one) => `it has tasks of ${where(one)}`)
      .join(', '),
  summary: (nodes) => `anti-affinity not satisfied on ${countNodes(nodes)}`,
  missing: (demand) => ({
    names: demand.apart.map(where),
    text: demand.apart.map((one) => `not beside tasks of ${where(one)}`).join(', '),
  }),
};

const where = ({ name, level }: Neighbours): string => (level ? `${name} (by ${level.descriptor})` : name);
