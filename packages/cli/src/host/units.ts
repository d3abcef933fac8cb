import type { Program } from './programs.ts';
import { paths } from './settings.ts';

/** As the init systems know our programs. */
export const unitName = ({ name }: Pick<Program, 'name'>): string => `shoal-${name}`;

/** A unit of systemd: see systemd.service(5) and systemd.exec(5). */
export function systemdUnit(program: Program): string {
  const { says, command, env, leavesChildren } = program;
  const after = [
    'network-online.target',
    'docker.service',
    ...(program.name === 'agent' ? ['shoal-manager.service'] : []),
  ];
  return [
    '[Unit]',
    `Description=${says}`,
    `After=${after.join(' ')}`,
    'Wants=network-online.target',
    // It is started again however often it ends.
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${command.map(systemdWord).join(' ')}`,
    ...Object.entries(env).map(([name, value]) => `Environment=${systemdWord(`${name}=${value}`)}`),
    'Restart=always',
    'RestartSec=500ms',
    'TimeoutStopSec=15s',
    ...(leavesChildren ? ['KillMode=process'] : []),
    'LimitNOFILE=1048576',
    // Secrets are in their memory, and are to be on no disk: systemd.resource-control(5), and core(5).
    'MemorySwapMax=0',
    'LimitCORE=0',
    'RuntimeDirectory=shoal',
    'RuntimeDirectoryMode=0755',
    'RuntimeDirectoryPreserve=yes',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** One argument: quoted, with `%` and `$` standing for themselves. */
const systemdWord = (word: string): string => {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain)
    ? plain
    : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
};

/** A script of OpenRC: see openrc-run(8) and supervise-daemon(8). */
export function openrcScript({ name, says, command, env }: Program): string {
  const [program, ...args] = command;
  const log = `${paths.logs}/${name}.log`;
  return [
    '#!/sbin/openrc-run',
    `description=${shellWord(says)}`,
    'supervisor=supervise-daemon',
    `command=${shellWord(program)}`,
    // Evaluated once more by OpenRC itself.
    `command_args=${shellWord(args.map(shellWord).join(' '))}`,
    'respawn_delay=1',
    'respawn_max=0',
    // As long as with systemd.
    'retry=TERM/15/KILL/5',
    "rc_ulimit='-n 1048576 -c 0'",
    `output_log=${log}`,
    `error_log=${log}`,
    ...Object.entries(env).map(([key, value]) => `export ${key}=${shellWord(value)}`),
    '',
    'depend() {',
    // Not every host has a service that stands for it.
    '  use net',
    `  after docker${name === 'agent' ? ' shoal-manager' : ''}`,
    '}',
    '',
    'start_pre() {',
    `  checkpath --directory --mode 0755 ${paths.run} ${paths.logs}`,
    // As supervise.sh does.
    `  if [ -n "$(find ${log} -size +20000000c 2>/dev/null)" ]; then mv ${log} ${log}.1; fi`,
    '}',
    '',
  ].join('\n');
}

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
