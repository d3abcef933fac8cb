import type { Network, Service } from '../../model/index.ts';
import type { Change, ReadView } from '../../store/index.ts';
import { isEverywhere, isLocal, isPublished, needsNetwork, type Slices, slicesOf } from './needs.ts';

type Of<N extends Change['table']> = Extract<Change, { table: N }>;

/** Nodes to tell. */
export type Nodes = 'all' | readonly string[] | ReadonlySet<string>;

/** Nodes that take part in a network now and did not before, or the other way round. */
export interface Turnover {
  readonly networkId: string;
  readonly nodes: readonly string[];
}

const noSlices: Slices = new Map();

/**
 * Changes of the store, seen when they are done. Who has to hear of them are those who needed a thing before and those who
 * need it now; and both may follow from changes of other objects in the same commit.
 */
export class Commit {
  readonly view: ReadView;
  /** Of the networks in which other nodes take part than before. */
  readonly turnovers: readonly Turnover[];
  readonly #changes: ReadonlyMap<Change['table'], readonly Change[]>;
  readonly #using = new Map<string, Nodes>();

  constructor(view: ReadView, changes: readonly Change[]) {
    this.view = view;
    this.#changes = Map.groupBy(changes, ({ table }) => table);
    this.turnovers = this.of('networks').flatMap(({ id, before, after }) => {
      const [was, is] = [before ? slicesOf(before) : noSlices, after ? slicesOf(after) : noSlices];
      const nodes = [...union(was.keys(), is.keys())].filter((node) => was.has(node) !== is.has(node));
      return nodes.length > 0 ? [{ networkId: id, nodes }] : [];
    });
  }

  of<N extends Change['table']>(table: N): readonly Of<N>[] {
    return (this.#changes.get(table) ?? []) as readonly Of<N>[];
  }

  /** Nodes that need the network, or did. */
  nodesOn(networkId: string): Nodes {
    const versions = this.networks(networkId);
    if (versions.some(isEverywhere)) return 'all';
    // Nothing of such a network ever changes: it is made before it has tasks, and one day removed.
    const local = versions.filter(isLocal);
    if (local.length > 0)
      return nodeIds(this.view).filter((id) => local.some((each) => needsNetwork(this.view, each, id)));
    return union(...versions.map((network) => slicesOf(network).keys()));
  }

  /** Nodes that need the service, or did. */
  nodesUsing(serviceId: string): Nodes {
    let nodes = this.#using.get(serviceId);
    if (nodes) return nodes;
    const versions = this.#services(serviceId);
    const attachments = versions.flatMap(({ shoal }) => shoal.attachments ?? []);
    const networks = attachments.flatMap(({ networkId }) => this.networks(networkId));
    nodes = versions.some(isPublished) ? 'all' : union(...networks.map((each) => slicesOf(each).keys()));
    this.#using.set(serviceId, nodes);
    return nodes;
  }

  /** The network as it was and as it is, as far as it was and is there. */
  networks(networkId: string): Network[] {
    const before = this.of('networks').find(({ id }) => id === networkId)?.before;
    return [before, this.view.networks.get(networkId)].filter((network) => network !== undefined);
  }

  #services(serviceId: string): Service[] {
    const before = this.of('services').find(({ id }) => id === serviceId)?.before;
    return [before, this.view.services.get(serviceId)].filter((service) => service !== undefined);
  }
}

const nodeIds = (view: ReadView): string[] => [...view.nodes.all()].map(({ ID }) => ID);

function union(...all: readonly Iterable<string>[]): Set<string> {
  const result = new Set<string>();
  for (const each of all) for (const id of each) result.add(id);
  return result;
}
