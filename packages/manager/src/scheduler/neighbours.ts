import {
  affinityLabel,
  antiAffinityLabel,
  type Neighbour,
  neighboursOf,
  type Service,
} from '../model/index.ts';
import { nodeField, type SpreadLevel } from './constraints.ts';

/** A service beside whose tasks others have to be, or must not be. */
export interface Neighbours {
  readonly name: string;
  /** Absent where there is no service of that name. */
  readonly serviceId: string | undefined;
  /** Nodes with the same text are beside each other; undefined: a node is beside itself alone. */
  readonly level: SpreadLevel | undefined;
}

const none: readonly Neighbours[] = [];

/** All services, as far as they name each other. */
export class Affinities {
  readonly #ids = new Map<string, string>();
  /** Services that keep off those of a name. */
  readonly #offenders = new Map<string, Set<Service>>();
  /** Services that go beside others. */
  #following = 0;

  /** Whether a task that gets its node may be what others wait for. */
  get any(): boolean {
    return this.#following > 0;
  }

  add(service: Service): void {
    const { Name, Labels } = service.Spec;
    if (!service.shoal.removing) this.#ids.set(Name ?? '', service.ID);
    if (neighboursOf(Labels, affinityLabel).length > 0) this.#following++;
    for (const { service: name } of neighboursOf(Labels, antiAffinityLabel)) {
      const offenders = this.#offenders.get(name);
      if (offenders) offenders.add(service);
      else this.#offenders.set(name, new Set([service]));
    }
  }

  remove(service: Service): void {
    const { Name, Labels } = service.Spec;
    if (this.#ids.get(Name ?? '') === service.ID) this.#ids.delete(Name ?? '');
    if (neighboursOf(Labels, affinityLabel).length > 0) this.#following--;
    for (const { service: name } of neighboursOf(Labels, antiAffinityLabel)) {
      const offenders = this.#offenders.get(name);
      offenders?.delete(service);
      if (offenders?.size === 0) this.#offenders.delete(name);
    }
  }

  /** Beside whose tasks those of the service have to be. */
  near(service: Service | undefined): readonly Neighbours[] {
    const named = neighboursOf(service?.Spec.Labels, affinityLabel);
    return named.length === 0 ? none : named.map((one) => this.#resolve(one));
  }

  /** Beside whose tasks none of the service's may be: it says so, or they do. */
  apart(service: Service | undefined): readonly Neighbours[] {
    const name = service?.Spec.Name ?? '';
    const own = neighboursOf(service?.Spec.Labels, antiAffinityLabel);
    const offenders = this.#offenders.get(name);
    if (own.length === 0 && !offenders) return none;
    const theirs = [...(offenders ?? [])].flatMap(({ ID, Spec }) =>
      neighboursOf(Spec.Labels, antiAffinityLabel)
        .filter((one) => one.service === name)
        .map(({ per }) => ({ name: Spec.Name ?? '', serviceId: ID, level: levelOf(per) })),
    );
    return [...own.map((one) => this.#resolve(one)), ...theirs];
  }

  #resolve({ service, per }: Neighbour): Neighbours {
    return { name: service, serviceId: this.#ids.get(service), level: levelOf(per) };
  }
}

function levelOf(per: string | undefined): SpreadLevel | undefined {
  const branchOf = per === undefined ? undefined : nodeField(per);
  return per !== undefined && branchOf ? { descriptor: per, branchOf } : undefined;
}
