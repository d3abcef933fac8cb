import { parseArgs } from 'node:util';
import { isName, parseAddress, type TlsFiles } from './api/index.ts';

export interface Config {
  readonly stateDir: string;
  /** Where the manager's own key is, if not in the state directory. */
  readonly sealingKeyFile?: string | undefined;
  /** The key itself. */
  readonly sealingKey?: string | undefined;
  /** Where the API listens, see parseAddress. */
  readonly api: readonly string[];
  /** For the API's addresses that are `tcp://`. */
  readonly tls: TlsFiles;
  /** By what else than its host's own names and addresses people know the API. */
  readonly tlsNames: readonly string[];
  /** Where agents connect: `HOST:PORT`. */
  readonly agentListen: string;
  readonly logLevel: string;
}

export const usage = `Usage: shoal-manager [OPTIONS]

Plans and serves a cluster of Docker hosts.

  --state-dir DIR        where the cluster's state is kept   (default /var/lib/shoal/manager)
  --sealing-key FILE     the key for what is sealed in the state, 32 bytes in base64, mode 600; made if it
                         is not there                        (default sealing.key in --state-dir)
                         SHOAL_SEALING_KEY in the environment: the key itself
  --api ADDRESS          serve Docker's API here; repeatable (default unix:///run/shoal/shoal.sock)
                         unix:///PATH      for root and the group "shoal"
                         tcp://HOST:PORT   TLS, for client certificates and tokens; by custom port 2476
                         http://127.0.0.1:PORT  in the clear, for everybody on this host
  --tls-san NAME         another name or address in the certificate of the API at tcp://, which the
                         cluster's authority makes for those of this host; repeatable
  --tls-cert FILE        a certificate of your own instead, PEM; read again when it changes
  --tls-key FILE         its key
  --tls-ca FILE          who signs client certificates instead of the cluster's authority; their OU gives
                         the role: shoal-viewer, shoal-operator or shoal-admin
  --agent-listen ADDR    where agents connect                (default 127.0.0.1:2480)
  --log-level LEVEL      trace, debug, info, warn, error     (default info)
  --help

Examples:
  shoal-manager --state-dir ./state --api http://127.0.0.1:2475
  shoal-manager --api unix:///run/shoal/shoal.sock --api tcp://0.0.0.0:2476
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

/** Reads the command line, and the key that the environment has. Throws an Error with a text for people. */
export function readConfig(args: readonly string[], sealingKey?: string): Config | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'state-dir': { type: 'string', default: '/var/lib/shoal/manager' },
      'sealing-key': { type: 'string' },
      api: {
        type: 'string',
        multiple: true,
        default: ['unix:///run/shoal/shoal.sock'],
      },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'tls-ca': { type: 'string' },
      'tls-san': { type: 'string', multiple: true, default: [] },
      'agent-listen': { type: 'string', default: '127.0.0.1:2480' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const tls = tlsFiles(values['tls-cert'], values['tls-key'], values['tls-ca']);
  for (const address of values.api) parsed('--api', address);
  for (const name of values['tls-san'])
    if (!isName(name)) throw new Error(`--tls-san ${name}: expected a DNS name or an IP address`);
  if (!/^.+:\d+$/.test(values['agent-listen'])) {
    throw new Error(`--agent-listen ${values['agent-listen']}: expected HOST:PORT`);
  }
  if (sealingKey !== undefined && values['sealing-key'] !== undefined)
    throw new Error('--sealing-key and SHOAL_SEALING_KEY: only one of them can be the key');
  return {
    stateDir: values['state-dir'],
    sealingKeyFile: values['sealing-key'],
    sealingKey,
    api: values.api,
    tls,
    tlsNames: values['tls-san'],
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

function tlsFiles(cert?: string, key?: string, ca?: string): TlsFiles {
  if (cert !== undefined && key !== undefined) return { server: { cert, key }, ca };
  if (cert === undefined && key === undefined) return { ca };
  throw new Error('--tls-cert and --tls-key belong together');
}
