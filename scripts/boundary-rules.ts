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
  { room: 'packages/manager/src/template', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/services', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/cron', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/events', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/moves', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/allocator', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/scheduler', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/forecast', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  { room: 'packages/manager/src/trust', not: [...IO, ...WIRE, 'node:sqlite'], why: CORE },
  {
    room: 'packages',
    except: ['packages/manager/src/trust', 'packages/agent/src/identity'],
    not: ['@peculiar/x509', 'reflect-metadata'],
    why: 'certificates are made in one room on either side',
  },
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
      // Both ends of a tunnel, without a manager and a host around them that would do other work.
      'packages/testbed/src/bench/tunnels/manager-end.ts',
      'packages/testbed/src/bench/tunnels/agent-end.ts',
    ],
    not: ['packages/manager', 'packages/agent'],
    why: 'the testbed drives the real processes from outside',
  },
  {
    room: 'packages/cli',
    not: ['packages/manager', 'packages/agent', ...WIRE],
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
