import Docker from 'dockerode';
import { paths } from './settings.ts';

/** The version of this host's Docker daemon. Rejects when it does not answer. */
export async function dockerVersion(): Promise<string> {
  return (await new Docker({ socketPath: paths.dockerSocket, timeout: 10_000 }).version()).Version;
}
