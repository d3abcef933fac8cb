import { agentPort, type HostSettings, paths } from './settings.ts';

export type ProgramName = 'manager' | 'agent';

/** A process that a host of the cluster keeps running. */
export interface Program {
  readonly name: ProgramName;
  readonly says: string;
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** What it started and that outlives it: encrypted networks have a process of their own. */
  readonly leavesChildren: boolean;
}

const node = `${paths.current}/bin/node`;

/** What this host runs, in the order in which it starts. */
export function programsOf(settings: HostSettings): Program[] {
  return settings.role === 'manager' ? [managerOf(settings), agentOf(settings)] : [agentOf(settings)];
}

// Young objects die soon in both processes: a small nursery saves memory and costs no time. So does one heap for all
// threads of the agent, which hardly allocate beside its main one.
const managerOf = ({ api, managerArgs }: HostSettings): Program => ({
  name: 'manager',
  says: 'Shoal manager',
  command: [
    node,
    '--max-semi-space-size=4',
    `${paths.current}/manager/main.mjs`,
    ...['--state-dir', `${paths.state}/manager`],
    ...[`unix://${paths.socket}`, ...api].flatMap((address) => ['--api', address]),
    ...['--agent-listen', `0.0.0.0:${agentPort}`],
    ...managerArgs,
  ],
  env: {},
  leavesChildren: false,
});

const agentOf = ({ role, manager, advertiseAddr, hostname, agentArgs }: HostSettings): Program => ({
  name: 'agent',
  says: 'Shoal agent',
  command: [
    node,
    '--max-semi-space-size=1',
    `${paths.current}/agent/main.mjs`,
    ...['--state-dir', `${paths.state}/agent`],
    ...['--manager', manager],
    ...['--docker', `unix://${paths.dockerSocket}`],
    ...['--advertise-addr', advertiseAddr],
    ...['--join-token-file', paths.joinToken],
    ...(hostname === undefined ? [] : ['--hostname', hostname]),
    ...(role === 'manager' ? ['--runs-manager'] : []),
    ...agentArgs,
  ],
  env: { MALLOC_ARENA_MAX: '1' },
  leavesChildren: true,
});
