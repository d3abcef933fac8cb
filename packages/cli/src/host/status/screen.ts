import type { ClusterFacts, StatusFacts } from './facts.ts';
import { holdLines } from './hold.ts';

/** One line of the screen. */
interface Look {
  readonly what: string;
  readonly says: string;
  /** What to do about it, if it is not well. */
  readonly todo?: string;
}

const most = 5;

/** How this host and its cluster are, and what to do if they are not well. */
export function statusScreen(facts: StatusFacts): { readonly lines: string[]; readonly well: boolean } {
  const looks = [...programs(facts), docker(facts), ...cluster(facts), ...connection(facts)];
  const todos = looks.filter(({ todo }) => todo !== undefined);
  const width = Math.max(...looks.map(({ what }) => what.length));
  const { release, init, settings } = facts;
  const role = settings.role === 'manager' ? 'manager of a cluster' : `worker of ${settings.manager}`;
  const kept =
    init === 'none' ? 'its programs are kept up by Shoal itself' : `its programs are kept up by ${init}`;
  return {
    well: todos.length === 0,
    lines: [
      `Shoal ${release}: ${settings.advertiseAddr}, ${role}; ${kept}`,
      '',
      ...looks.map(
        ({ what, says, todo }) => `${todo === undefined ? '  ok ' : '  !! '} ${what.padEnd(width)}  ${says}`,
      ),
      '',
      ...(todos.length === 0 ? ['All is well.'] : ['What to do:', ...todos.map(({ todo }) => `  ${todo}`)]),
    ],
  };
}

const programs = ({ programs, init }: StatusFacts): Look[] =>
  programs.map(({ name, running }) => ({
    what: name,
    says: running ? 'runs' : 'does not run',
    ...(!running && {
      todo: `${startWords(init, name)}; if it does not stay up, ${logWords(init, name)} says why`,
    }),
  }));

function startWords(init: string, name: string): string {
  if (init === 'systemd') return `systemctl start shoal-${name}`;
  return init === 'OpenRC' ? `rc-service shoal-${name} start` : 'shoal start';
}

const logWords = (init: string, name: string): string =>
  init === 'systemd' ? `\`journalctl -u shoal-${name}\`` : `/var/log/shoal/${name}.log`;

const docker = ({ docker }: StatusFacts): Look =>
  'version' in docker
    ? { what: 'Docker', says: docker.version }
    : {
        what: 'Docker',
        says: docker.error,
        todo: "start the Docker daemon; without it this host's tasks are replaced elsewhere",
      };

function cluster({ cluster }: StatusFacts): Look[] {
  if (cluster === undefined) return [];
  if ('error' in cluster && cluster.locked)
    return [
      {
        what: 'cluster',
        says: 'the manager is locked: what runs goes on, and nothing is changed or replaced',
        todo: 'docker --context shoal swarm unlock',
      },
    ];
  if ('error' in cluster)
    return [
      {
        what: 'cluster',
        says: `the manager does not answer: ${cluster.error}`,
        todo: 'see the manager above',
      },
    ];
  return [...restored(cluster), nodes(cluster), services(cluster), ...rotation(cluster)];
}

/** The manager is on hold after a restore. */
function restored({ restore }: ClusterFacts): Look[] {
  if (!restore?.onHold) return [];
  return [
    {
      what: 'restore',
      says: `on hold, restored as of ${restore.madeAt}: hosts are told nothing; ${holdLines(restore).join('; ')}`,
      todo: 'see that hosts which are missing come back (`shoal join ADDRESS` there, if the manager has another address now); then `shoal restore --finish` has all follow the backup',
    },
  ];
}

function nodes({ nodes }: ClusterFacts): Look {
  const bad = nodes.filter(({ state }) => state !== 'ready');
  const away = nodes.filter(({ state, availability }) => state === 'ready' && availability !== 'active');
  const says = [
    `${nodes.length - bad.length} of ${nodes.length} ready`,
    ...listed(bad.map(({ name, state, message }) => `${name} is ${state}${message ? ` (${message})` : ''}`)),
    ...listed(away.map(({ name, availability }) => `${name} is set to ${availability}`)),
  ].join('; ');
  const [first] = bad;
  return {
    what: 'nodes',
    says,
    ...(first && {
      todo: `look at ${first.name}: is the host up, and what does \`shoal status\` say there?`,
    }),
  };
}

function services({ services }: ClusterFacts): Look {
  const short = services.filter(({ running, desired }) => running < desired);
  const says = [
    services.length === 0 ? 'none yet' : `${services.length - short.length} of ${services.length} complete`,
    ...listed(short.map(({ name, running, desired }) => `${name} ${running}/${desired}`)),
  ].join('; ');
  const [first] = short;
  return {
    what: 'services',
    says,
    ...(first && { todo: `docker --context shoal service ps --no-trunc ${first.name}` }),
  };
}

function rotation({ rotation }: ClusterFacts): Look[] {
  if (!rotation) return [];
  const { waitsFor } = rotation;
  const away = waitsFor.find(({ state }) => state !== 'ready');
  const names = listed(waitsFor.map(({ name, state }) => (state === 'ready' ? name : `${name} (${state})`)));
  return [
    {
      what: 'root',
      says: `the root certificate is being rotated, which waits for ${names.join(', ') || 'its last step'}`,
      ...(away && {
        todo: `start ${away.name}; if it is gone for good: docker --context shoal node rm --force ${away.name}`,
      }),
    },
  ];
}

const connection = ({ connected, settings }: StatusFacts): Look[] =>
  connected === undefined
    ? []
    : [
        {
          what: 'connection',
          says: `${connected ? 'to' : 'none to'} the manager at ${settings.manager}`,
          ...(!connected && {
            todo: `see that ${settings.manager} can be reached from here, and that the manager is up`,
          }),
        },
      ];

const listed = (items: readonly string[]): string[] =>
  items.length > most ? [...items.slice(0, most), `and ${items.length - most} more`] : [...items];
