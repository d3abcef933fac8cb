import type { Target } from '@shoal/testbed/drill';
import Docker from 'dockerode';
import { usage } from './exit.ts';

/** The API version that the testbed's hosts and the manager both speak. */
const version = 'v1.41';

/** A manager by its address, as `-H` and DOCKER_HOST give it. */
export function liveCluster(address: string): Target {
  const { host, port } = parseAddress(address);
  return {
    apiUrl: `http://${host}:${port}`,
    docker: new Docker({ protocol: 'http', host, port, version }),
  };
}

/** The parts of tcp://HOST:PORT; 2475 is the manager's own port. */
export function parseAddress(address: string): { host: string; port: number } {
  const [, host, port = '2475'] =
    /^(?:tcp|http):\/\/(\[[\da-f:]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw usage(`${address} is no address of a manager: give one as tcp://HOST:PORT with -H or DOCKER_HOST.`);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
