import { rmSync } from 'node:fs';
import { Command } from 'commander';
import { ExitError } from '../exit.ts';
import {
  agentPort,
  encryptByDefault,
  ensureRequirements,
  type HostSettings,
  initSystem,
  localManager,
  makeContext,
  onlyAddress,
  paths,
  programsOf,
  untilItAnswers,
  untilReady,
  workerToken,
  writeOwn,
  writeSettings,
} from '../host/index.ts';
import {
  checkedAddress,
  type HostFlags,
  hostOptions,
  needNoCluster,
  needRoot,
  say,
  words,
} from './host-options.ts';

interface InitFlags extends HostFlags {
  readonly api: readonly string[];
  readonly managerArgs: readonly string[];
  readonly encrypt?: true;
}

/** The manager reads its state, the agent looks at the host. */
const startMs = 60_000;

export function initCommand(): Command {
  const command = new Command('init')
    .description('Begins a cluster: this host gets the manager, and is its first node.')
    .option('--api <address...>', "where the manager serves Docker's API besides this host's socket", [])
    .option(
      '--manager-args <words>',
      'more options of the manager, as `manager/main.mjs --help` lists them',
      words,
      [],
    )
    .option('--encrypt', 'overlay networks are encrypted, unless they are made with `-o encrypted=false`');
  for (const option of hostOptions()) command.addOption(option);
  return command.exitOverride().action(init);
}

async function init(flags: InitFlags): Promise<void> {
  needRoot('init');
  needNoCluster();
  const advertiseAddr = checkedAddress(flags.advertiseAddr) ?? onlyAddress();
  const encrypt = flags.encrypt === true;
  await ensureRequirements({ install: flags.installDocker === true, encrypt }, say);
  const settings: HostSettings = {
    role: 'manager',
    advertiseAddr,
    manager: `${advertiseAddr}:${agentPort}`,
    ...(flags.hostname !== undefined && { hostname: flags.hostname }),
    api: flags.api,
    managerArgs: flags.managerArgs,
    agentArgs: flags.agentArgs,
  };
  // First: whatever happens next, `leave` knows what to clear away.
  writeSettings(settings);
  const init = initSystem();
  const [manager, agent] = programsOf(settings);
  const docker = localManager();
  if (!manager || !agent) throw new Error('a manager has two programs');
  await init.start(manager);
  try {
    await untilItAnswers(docker, startMs);
    if (encrypt) await encryptByDefault(docker);
    writeOwn(paths.joinToken, `${await workerToken(docker)}\n`);
    await init.start(agent);
    const { name } = await untilReady(docker, advertiseAddr, startMs);
    // From now on its certificate says who it is.
    rmSync(paths.joinToken);
    await makeContext();
    process.stdout.write(
      `${nextSteps(name, await workerToken(docker), settings.manager, init.name === 'none')}\n`,
    );
  } catch (error) {
    const logs = await Promise.all((['manager', 'agent'] as const).map((each) => init.log(each, 8)));
    throw new ExitError(
      1,
      `The cluster did not begin: ${(error as Error).message}\n\nThe manager's last words:\n${logs[0]}\nThe agent's:\n${logs[1]}\n\`shoal leave --force\` clears away what there is of it.`,
    );
  }
}

export const joinLine = (token: string, manager: string): string => `shoal join --token ${token} ${manager}`;

export function nextSteps(name: string, token: string, manager: string, supervised: boolean): string {
  return [
    `A cluster has begun, with this host, ${name}, as its manager and first node.`,
    '',
    'To take another host into it, run there:',
    '',
    `    ${joinLine(token, manager)}`,
    '',
    'To use it, on this host, with the docker command:',
    '',
    '    docker --context shoal node ls',
    '    docker --context shoal service create --name web --replicas 2 --publish 8080:80 nginx',
    ...(supervised ? ['', supervisedWords] : []),
  ].join('\n');
}

export const supervisedWords =
  'This host has no systemd and no OpenRC: have `shoal start` run when it starts.';
