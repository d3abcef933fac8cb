import { invalid } from '../http/index.ts';

/** Swarm's rule for names of services, networks, secrets and configs. Throws 400. */
export function checkName(name: string): void {
  if (name === '') throw invalid('meta: name must be provided', 'Name');
  if (name.length > 63) throw invalid('name must be 63 characters or fewer', 'Name');
  if (!/^[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    throw invalid(
      'name must be valid as a DNS name component',
      'Name',
      'letters, numbers, - and _, a letter or number first and last',
    );
  }
}
