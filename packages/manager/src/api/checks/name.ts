import { rpcError } from '../http/index.ts';

/** Swarm's rule for names of services, networks, secrets and configs. Throws 400. */
export function checkName(name: string): void {
  if (name === '') throw rpcError('InvalidArgument', 'meta: name must be provided');
  if (name.length > 63) throw rpcError('InvalidArgument', 'name must be 63 characters or fewer');
  if (!/^[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    throw rpcError('InvalidArgument', 'name must be valid as a DNS name component');
  }
}
