import { type Assignment, decodeDesired } from '@shoal/proto';
import { isWantedState } from '@shoal/proto/rules';
import { bodyOf } from '../../task/index.ts';
import type { Upstream } from './exchange.ts';

const dnsPort = 53;

/** A container of this host, as the DNS server has to know it. */
export interface LocalContainer {
  readonly networkIds: readonly string[];
  /** Where it asks for names that are not the cluster's, if its service says so. */
  readonly nameservers?: readonly Upstream[];
}

/** An ended task's address may be another one's by now: those that are wanted come last, and win. */
export const containersOf = (tasks: ReadonlyMap<string, Assignment>): Map<string, LocalContainer> => {
  const isWanted = ({ desiredState }: Assignment) => isWantedState(decodeDesired(desiredState) ?? 'shutdown');
  const { wanted = [], others = [] } = Object.groupBy(tasks.values(), (task) =>
    isWanted(task) ? 'wanted' : 'others',
  );
  return new Map(
    [...others, ...wanted].flatMap((task) => {
      const { attachments } = task;
      const named = bodyOf(task).HostConfig?.Dns ?? [];
      const found: LocalContainer = {
        networkIds: attachments.map(({ networkId }) => networkId),
        ...(named.length > 0 && { nameservers: named.map((address) => ({ address, port: dnsPort })) }),
      };
      return attachments.filter(({ address }) => address).map(({ address }) => [address, found] as const);
    }),
  );
};
