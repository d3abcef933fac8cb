import { parseArgs } from 'node:util';
import { parseAddress, type TlsFiles } from './api/index.ts';

export interface Config {
  readonly stateDir: string;
  /** Where the API listens, see parseAddress. */
  readonly api: readonly string[];
  /** For the API's addresses that are `tcp://`. */
  readonly tls: TlsFiles | undefined;
  /** Where agents connect: `HOST:PORT`. */
  readonly agentListen: string;
  readonly logLevel: string;
}

export const usage = `Usage: shoal-manager [OPTIONS]

Plans and serves a cluster of Docker hosts.

  --state-dir DIR        where the cluster's state is kept   (default /var/lib/shoal/manager)
  --api ADDRESS          serve Docker's API here; repeatable (default unix:///run/shoal/shoal.sock)
                         unix:///PATH      for root and the group "shoal"
                         tcp://HOST:PORT   TLS, for client certificates and tokens; by custom port 2476
                         http://127.0.0.1:PORT  in the clear, for everybody on this host
  --tls-cert FILE        certificate of the API at tcp://, PEM; read again when it changes
  --tls-key FILE         its key
  --tls-ca FILE          who signs client certificates; their OU gives the role: shoal-viewer,
                         shoal-operator or shoal-admin (default: tokens only)
  --agent-listen ADDR    where agents connect                (default 127.0.0.1:2480)
  --log-level LEVEL      trace, debug, info, warn, error     (default info)
  --help

Examples:
  shoal-manager --state-dir ./state --api http://127.0.0.1:2475
  shoal-manager --api unix:///run/shoal/shoal.sock --api tcp://0.0.0.0:2476 \\
    --tls-cert cert.pem --tls-key key.pem --tls-ca ca.pem
  shoal-manager --agent-listen 0.0.0.0:2480
`;

/** The TCP ports that the manager listens on, and what for. */
export const portsOf = ({ api, agentListen }: Pick<Config, 'api' | 'agentListen'>) => [
  ...api
    .map(parseAddress)
    .flatMap((address) =>
      address.door === 'socket' ? [] : [{ port: address.port, what: "the manager's API" }],
    ),
  { port: portIn(agentListen), what: 'agents at the manager' },
];

const portIn = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Reads the command line. Throws an Error with a text for people. */
export function readConfig(args: readonly string[]): Config | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'state-dir': { type: 'string', default: '/var/lib/shoal/manager' },
      api: {
        type: 'string',
        multiple: true,
        default: ['unix:///run/shoal/shoal.sock'],
      },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'tls-ca': { type: 'string' },
      'agent-listen': { type: 'string', default: '127.0.0.1:2480' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const tls = tlsFiles(values['tls-cert'], values['tls-key'], values['tls-ca']);
  for (const address of values.api) {
    const { door } = parsed('--api', address);
    if (door === 'tls' && !tls)
      throw new Error(
        `--api ${address}: TCP is served with TLS alone: add --tls-cert and --tls-key (and --tls-ca for client certificates), or use http://127.0.0.1:PORT on this host`,
      );
  }
  if (!/^.+:\d+$/.test(values['agent-listen'])) {
    throw new Error(`--agent-listen ${values['agent-listen']}: expected HOST:PORT`);
  }
  return {
    stateDir: values['state-dir'],
    api: values.api,
    tls,
    agentListen: values['agent-listen'],
    logLevel: values['log-level'],
  };
}

function parsed(flag: string, address: string) {
  try {
    return parseAddress(address);
  } catch (error) {
    throw new Error(`${flag} ${error instanceof Error ? error.message : error}`);
  }
}

function tlsFiles(cert?: string, key?: string, ca?: string): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key, ca };
  if (cert === undefined && key === undefined && ca === undefined) return undefined;
  throw new Error('--tls-cert and --tls-key belong together, and --tls-ca goes with both');
}
