import { parseArgs } from 'node:util';

export interface Config {
  readonly stateDir: string;
  /** Where the API listens: `tcp://HOST:PORT` or `unix:///PATH`. */
  readonly api: readonly string[];
  /** Where agents connect: `HOST:PORT`. */
  readonly agentListen: string;
  readonly logLevel: string;
}

export const usage = `Usage: shoal-manager [OPTIONS]

Plans and serves a cluster of Docker hosts.

  --state-dir DIR        where the cluster's state is kept   (default /var/lib/shoal/manager)
  --api ADDRESS          serve Docker's API here; repeatable (default tcp://127.0.0.1:2475 and
                         unix:///run/shoal/shoal.sock)
  --agent-listen ADDR    where agents connect                (default 127.0.0.1:2480)
  --log-level LEVEL      trace, debug, info, warn, error     (default info)
  --help

Examples:
  shoal-manager --state-dir ./state --api tcp://127.0.0.1:2475
  shoal-manager --agent-listen 0.0.0.0:2480
`;

/** The TCP ports that the manager listens on, and what for. */
export const portsOf = ({ api, agentListen }: Pick<Config, 'api' | 'agentListen'>) => [
  ...api
    .filter((address) => address.startsWith('tcp://'))
    .map((address) => ({ port: portIn(address), what: "the manager's API" })),
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
        default: ['tcp://127.0.0.1:2475', 'unix:///run/shoal/shoal.sock'],
      },
      'agent-listen': { type: 'string', default: '127.0.0.1:2480' },
      'log-level': { type: 'string', default: 'info' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  for (const address of values.api) {
    if (!/^(tcp:\/\/[^/]+:\d+|unix:\/\/\/.+)$/.test(address)) {
      throw new Error(`--api ${address}: expected tcp://HOST:PORT or unix:///PATH`);
    }
  }
  if (!/^.+:\d+$/.test(values['agent-listen'])) {
    throw new Error(`--agent-listen ${values['agent-listen']}: expected HOST:PORT`);
  }
  return {
    stateDir: values['state-dir'],
    api: values.api,
    agentListen: values['agent-listen'],
    logLevel: values['log-level'],
  };
}
