import { type Node, type Placement, roleOf } from '../model/index.ts';
import { type IpAddress, type IpNetwork, networkHolds, parseIp, parseNetwork, sameIp } from './ip.ts';
import { normalArch, platformMatches } from './platform.ts';

/** A placement constraint that cannot be understood; the message says which and what would be right. */
export class ConstraintError extends Error {
  override readonly name = 'ConstraintError';
}

/** One `key==value` or `key!=value`. */
export interface Constraint {
  /** As the user wrote it. */
  readonly text: string;
  readonly holds: (node: Node) => boolean;
}

export interface SpreadLevel {
  /** As in the spec, e.g. `node.labels.zone`. */
  readonly descriptor: string;
  /** Nodes with the same text are one branch; a node without the label is in the branch ''. */
  readonly branchOf: (node: Node) => string;
}

// Both patterns are Swarm's (manager/constraint/constraint.go), so that the same specs are valid here.
const keyPattern = /^[a-z_][a-z0-9\-_.]+$/i;
const valuePattern = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

/** What a key without a label name stands for on a node. */
const fields: Readonly<Record<string, (node: Node) => string>> = {
  'node.id': (node) => node.ID,
  'node.hostname': (node) => node.reported.description.Hostname ?? '',
  'node.role': roleOf,
  'node.platform.os': (node) => node.reported.description.Platform?.OS ?? '',
  'node.platform.arch': (node) => normalArch(node.reported.description.Platform?.Architecture ?? ''),
};

/** Where the labels of a `prefix.name` key are. A label's name keeps its case; a missing one is ''. */
const labelFields: Readonly<Record<string, (node: Node) => Readonly<Record<string, string>> | undefined>> = {
  'node.labels.': (node) => node.Spec.Labels ?? undefined,
  'engine.labels.': (node) => node.reported.description.Engine?.Labels ?? undefined,
};

const knownKeys = [...Object.keys(fields), 'node.ip', 'node.labels.NAME', 'engine.labels.NAME'].join(', ');

/** Throws ConstraintError at the first text that is no constraint. */
export const parseConstraints = (texts: readonly string[]): Constraint[] => texts.map(parseConstraint);

/** Swarm's rule: all of them, compared as whole strings, letters' case aside. */
export const nodeMatches = (node: Node, constraints: readonly Constraint[]): boolean =>
  constraints.every(({ holds }) => holds(node));

/**
 * Whether a node may ever run tasks of this placement: constraints and platforms, not readiness or room.
 * Constraints that cannot be understood match no node.
 */
export function isEligible(node: Node, placement: Placement | null | undefined): boolean {
  const constraints = constraintsOf(placement);
  return (
    constraints !== undefined && nodeMatches(node, constraints) && platformMatches(node, placement?.Platforms)
  );
}

// Specs never change in place, so their constraints are parsed once however many nodes are asked about.
const parsed = new WeakMap<readonly string[], Constraint[] | undefined>();

/** A stored placement's constraints; undefined when they cannot be understood. */
export function constraintsOf(placement: Placement | null | undefined): readonly Constraint[] | undefined {
  const texts = placement?.Constraints;
  if (!texts || texts.length === 0) return [];
  if (parsed.has(texts)) return parsed.get(texts);
  const constraints = tryParse(texts);
  parsed.set(texts, constraints);
  return constraints;
}

/** The text that a `node.labels.NAME`, `engine.labels.NAME` or other known key has on a node, to spread over. */
export function nodeField(key: string): ((node: Node) => string) | undefined {
  const lower = key.toLowerCase();
  for (const [prefix, labelsOf] of Object.entries(labelFields)) {
    if (!lower.startsWith(prefix) || lower.length === prefix.length) continue;
    const label = key.slice(prefix.length);
    return (node) => labelsOf(node)?.[label] ?? '';
  }
  return Object.hasOwn(fields, lower) ? fields[lower] : undefined;
}

function tryParse(texts: readonly string[]): Constraint[] | undefined {
  try {
    return parseConstraints(texts);
  } catch (error) {
    if (error instanceof ConstraintError) return undefined;
    throw error;
  }
}

function parseConstraint(text: string): Constraint {
  const operator = text.includes('==') ? '==' : '!=';
  const at = text.indexOf(operator);
  if (at < 0) {
    throw new ConstraintError(`constraint "${text}" has no operator: write KEY==VALUE or KEY!=VALUE`);
  }
  const key = text.slice(0, at).trim();
  const value = text.slice(at + operator.length).trim();
  if (!keyPattern.test(key)) {
    throw new ConstraintError(`constraint "${text}": key "${key}" is invalid, use one of ${knownKeys}`);
  }
  if (!valuePattern.test(value)) {
    throw new ConstraintError(
      `constraint "${text}": value "${value}" is ${value === '' ? 'empty' : 'invalid: it has characters that are not allowed'}`,
    );
  }
  const equal = operator === '==';
  const matches = matcher(text, key, value);
  return { text, holds: (node) => matches(node) === equal };
}

function matcher(text: string, key: string, value: string): (node: Node) => boolean {
  const lower = key.toLowerCase();
  if (lower === 'node.ip') return addressMatcher(text, value);
  const field = nodeField(key);
  if (!field) {
    throw new ConstraintError(`constraint "${text}": key "${key}" is unknown, use one of ${knownKeys}`);
  }
  const wanted = lower === 'node.platform.arch' ? normalArch(value) : value.toLowerCase();
  return (node) => field(node).toLowerCase() === wanted;
}

function addressMatcher(text: string, value: string): (node: Node) => boolean {
  const address: IpAddress | undefined = parseIp(value);
  const network: IpNetwork | undefined = address ? undefined : parseNetwork(value);
  if (!address && !network) {
    throw new ConstraintError(
      `constraint "${text}": "${value}" is neither an IP address nor a network such as 10.0.0.0/8`,
    );
  }
  return (node) => {
    const own = parseIp(node.reported.address);
    if (!own) return false;
    return address ? sameIp(address, own) : network !== undefined && networkHolds(network, own);
  };
}
