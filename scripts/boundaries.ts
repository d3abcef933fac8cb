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
 * Which other rooms (folders) of its package each room may import; '.' is the package's own floor. A room is entered through
 * its `index.ts`, but for the rooms that are part of it, which know its files. No rooms import each other in a circle. Tests and
 * their helpers (`testing.ts`, `*.fixture.ts`) go where they like. A room that is not here may not be.
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
    agents: ['.', 'agents/feed', 'allocator', 'liveness', 'model', 'store'],
    'agents/feed': ['allocator', 'container-body', 'model', 'store'],
    allocator: ['.', 'model', 'store'],
    api: [
      '.',
      'api/docs',
      'api/events',
      'api/forecast',
      'api/http',
      'api/logs',
      'api/networks',
      'api/nodes',
      'api/services',
      'api/system',
      'api/tasks',
    ],
    'api/checks': ['api/http', 'model'],
    'api/docs': [],
    'api/events': ['api/docs', 'api/http', 'api/networks', 'api/objects', 'model', 'store'],
    'api/forecast': ['api/docs', 'api/http', 'api/objects', 'forecast'],
    'api/http': ['.', 'insight', 'liveness', 'model', 'store'],
    'api/logs': ['api/docs', 'api/http', 'api/objects', 'model'],
    'api/networks': [
      'allocator',
      'api/checks',
      'api/docs',
      'api/http',
      'api/objects',
      'insight',
      'model',
      'store',
    ],
    'api/nodes': ['.', 'api/checks', 'api/docs', 'api/http', 'api/objects', 'api/system', 'model', 'store'],
    'api/objects': ['.', 'api/http', 'model', 'scheduler', 'store'],
    'api/services': [
      '.',
      'allocator',
      'api/checks',
      'api/docs',
      'api/http',
      'api/networks',
      'api/objects',
      'api/services/checks',
      'model',
      'services',
      'store',
    ],
    'api/services/checks': ['.', 'api/checks', 'api/http', 'model', 'scheduler'],
    'api/system': ['.', 'api/checks', 'api/docs', 'api/http', 'api/objects', 'insight', 'model', 'store'],
    'api/tasks': ['api/docs', 'api/http', 'api/objects', 'model', 'services', 'store'],
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
      'network/kernel',
      'network/needs',
      'network/nft',
      'network/state',
      'task',
    ],
    'network/bridges': ['network/kernel', 'network/state', 'task'],
    'network/dns': ['network/state', 'task'],
    'network/encryption': ['network/kernel', 'network/state'],
    'network/flows': ['network/kernel', 'network/state'],
    'network/insight': ['network/dns', 'network/kernel', 'network/state', 'task'],
    'network/ip': ['network/kernel', 'network/state'],
    'network/kernel': ['network/state'],
    'network/needs': ['network/kernel', 'network/state'],
    'network/nft': ['network/kernel', 'network/state'],
    'network/state': ['assignments'],
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
  proto: {
    '.': ['rules'],
    rules: [],
  },
  testbed: {
    '.': ['cluster', 'faults', 'load', 'machine'],
    bench: [
      'bench/failover',
      'bench/measure',
      'bench/network',
      'bench/restart',
      'bench/scale',
      'cluster',
      'faults',
      'load',
      'machine',
    ],
    'bench/failover': ['bench/measure', 'cluster', 'drill', 'faults', 'machine'],
    'bench/measure': ['cluster', 'images', 'machine'],
    'bench/network': ['bench/measure', 'cluster', 'drill', 'load', 'machine'],
    'bench/restart': ['machine'],
    'bench/scale': ['bench/measure', 'bench/restart', 'machine'],
    bin: ['cluster', 'images', 'load', 'machine'],
    cluster: ['images', 'machine'],
    drill: ['cluster', 'faults', 'images', 'load', 'machine'],
    faults: ['cluster', 'machine'],
    images: ['machine'],
    load: ['cluster', 'machine'],
    machine: [],
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
