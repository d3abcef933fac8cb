/** What each room may not import, whatever the graph below says. `npm run check` holds every file against both. */
export interface Rule {
  room: string;
  /** Folders of the room that the rule leaves out. */
  except?: readonly string[];
  /** Packages, node: modules or folders of this repository, each with everything below it. */
  not: readonly string[];
  /** Folders of the same package that may be imported; any, if left out. */
  rooms?: readonly string[];
  why: string;
  /** Tests may reach further than what they test, unless this is set. */
  bindsTests?: true;
}

/**
 * Which other rooms (folders) of its package each room may import; '.' is the package's own floor. A room of another branch
 * is entered through an `index.ts`; rooms below one and the same folder know each other's files. Tests and their helpers
 * (`testing.ts`, `*.fixture.ts`) go where they like. A room that is not here may not be.
 */
export const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  manager: {
    '.': [
      'agents',
      'allocator',
      'api',
      'insight',
      'leadership',
      'liveness',
      'moves',
      'scheduler',
      'services',
      'store',
      'store/backends',
    ],
    agents: ['.', 'agents/feed', 'allocator', 'container-body', 'liveness', 'model', 'store'],
    'agents/feed': ['agents', 'allocator', 'model', 'store'],
    allocator: ['.', 'model', 'store'],
    api: [
      '.',
      'api/docs',
      'api/events',
      'api/forecast',
      'api/logs',
      'api/networks',
      'api/nodes',
      'api/services',
      'api/system',
      'api/tasks',
      'insight',
      'liveness',
      'model',
      'scheduler',
      'store',
    ],
    'api/checks': ['api', 'model'],
    'api/docs': [],
    'api/events': ['api', 'api/docs', 'api/networks', 'model', 'store'],
    'api/forecast': ['api', 'api/docs', 'forecast'],
    'api/logs': ['api', 'api/docs', 'model'],
    'api/networks': ['allocator', 'api', 'api/checks', 'api/docs', 'insight', 'model', 'store'],
    'api/nodes': ['.', 'api', 'api/checks', 'api/docs', 'api/services', 'api/system', 'model', 'store'],
    'api/services': [
      '.',
      'allocator',
      'api',
      'api/checks',
      'api/docs',
      'api/networks',
      'api/nodes',
      'api/services/checks',
      'model',
      'services',
      'store',
    ],
    'api/services/checks': ['.', 'api', 'api/checks', 'model', 'scheduler'],
    'api/system': ['.', 'api', 'api/checks', 'api/docs', 'api/nodes', 'insight', 'model', 'store'],
    'api/tasks': ['api', 'api/docs', 'model', 'services', 'store'],
    'container-body': ['.', 'model'],
    forecast: ['.', 'model', 'scheduler', 'services', 'store'],
    leadership: ['.', 'model', 'store'],
    insight: ['model', 'scheduler', 'services', 'store'],
    liveness: ['.', 'model', 'store'],
    model: [],
    moves: ['.', 'model', 'scheduler', 'services', 'services/modes', 'services/update', 'store'],
    scheduler: ['.', 'container-body', 'model', 'scheduler/filters', 'store'],
    'scheduler/filters': ['model', 'scheduler'],
    services: ['.', 'container-body', 'model', 'scheduler', 'services/modes', 'services/update', 'store'],
    'services/modes': ['model', 'scheduler', 'services'],
    'services/update': ['.', 'container-body', 'model', 'scheduler', 'services'],
    store: ['.', 'model'],
    'store/backends': ['store'],
  },
  agent: {
    '.': ['assignments', 'docker', 'health', 'listeners', 'network', 'session', 'task', 'tunnels'],
    assignments: [],
    docker: ['network', 'network/bridges', 'task'],
    health: [],
    listeners: ['task'],
    network: [
      'assignments',
      'network/bridges',
      'network/dns',
      'network/encryption',
      'network/flows',
      'network/insight',
      'network/ip',
      'network/needs',
      'network/nft',
      'task',
    ],
    'network/bridges': ['network', 'network/ip', 'task'],
    'network/dns': ['network'],
    'network/encryption': ['network', 'network/ip'],
    'network/flows': ['network'],
    'network/insight': ['network', 'network/bridges', 'network/dns', 'network/needs', 'task'],
    'network/ip': ['network', 'network/bridges', 'network/needs'],
    'network/needs': ['network', 'network/ip', 'network/nft'],
    'network/nft': ['network', 'network/bridges'],
    session: ['assignments', 'tunnels'],
    task: [],
    tunnels: [],
  },
  cli: {
    '.': ['commands'],
    commands: ['.', 'drill'],
    drill: ['.', 'drill/report'],
    'drill/report': ['drill'],
  },
};

const IO = [
  'fastify',
  '@fastify',
  '@grpc/grpc-js',
  'dockerode',
  'node:net',
  'node:tls',
  'node:http',
  'node:https',
  'node:http2',
  'node:dgram',
  'node:dns',
  'node:fs',
  'node:child_process',
];

/** What travels between manager and agents; the rules that both sides share, `@shoal/proto/rules`, are for everybody. */
const WIRE = ['packages/proto/src/index.ts', 'packages/proto/src/gen'];

const CORE = 'the core is pure: I/O, clocks and servers belong to the shell around it';

export const RULES: readonly Rule[] = [
  {
    room: 'packages/manager/src/model',
    not: [...IO, ...WIRE],
    rooms: ['model'],
    why: `${CORE}; the model knows nobody`,
  },
  {
    room: 'packages/manager/src/store',
    except: ['packages/manager/src/store/backends'],
    not: [...IO, ...WIRE, 'node:sqlite'],
    why: CORE,
  },
  { room: 'packages/manager/src/container-body', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/services', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/moves', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/allocator', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/scheduler', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/forecast', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  {
    room: 'packages/manager/src',
    except: ['packages/manager/src/api'],
    not: ['fastify', '@fastify'],
    why: 'only the API room speaks HTTP',
  },
  {
    room: 'packages/manager',
    not: ['packages/agent', 'packages/testbed', 'dockerode'],
    why: 'the manager never touches Docker and knows agents only by protocol',
    bindsTests: true,
  },
  {
    room: 'packages/agent',
    not: ['packages/manager', 'packages/testbed'],
    why: 'the agent knows the manager only by protocol',
    bindsTests: true,
  },
  {
    room: 'packages/agent',
    except: ['packages/agent/src/docker'],
    not: ['dockerode'],
    why: 'packages/agent/src/docker is the only room that talks to Docker',
  },
  {
    room: 'packages/proto',
    not: ['packages/manager', 'packages/agent', 'packages/testbed'],
    why: 'the protocol depends on neither side',
    bindsTests: true,
  },
  {
    room: 'packages/proto/src/rules',
    not: [...IO, ...WIRE],
    why: 'what both sides go by is pure, so that the core can use it too',
  },
  {
    room: 'packages/testbed',
    // Measure the scheduler, the DNS server and the data path by themselves: 100,000 tasks, 5,000 services are no
    // matter for real processes.
    except: [
      'packages/testbed/src/bench/schedule.ts',
      'packages/testbed/src/bench/store.ts',
      'packages/testbed/src/bench/dns.ts',
      'packages/testbed/src/bench/network/sizes-on-host.ts',
      // Its agents are hollow: 1,000 containers would measure the machine.
      'packages/testbed/src/bench/restart.ts',
      'packages/testbed/src/bench/scale/host-process.ts',
    ],
    not: ['packages/manager', 'packages/agent'],
    why: 'the testbed drives the real processes from outside',
  },
  {
    room: 'packages/cli',
    not: ['packages/manager', 'packages/agent', 'packages/proto'],
    why: 'the command line asks the manager by its API, as anybody could',
    bindsTests: true,
  },
  {
    room: 'packages',
    except: ['packages/proto'],
    not: ['packages/proto/src/gen'],
    why: 'generated code is reached through @shoal/proto',
    bindsTests: true,
  },
];
