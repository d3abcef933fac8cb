import type Docker from 'dockerode';
import { initSystem } from '../init-system.ts';
import { localManager } from '../local-manager.ts';
import { programsOf } from '../programs.ts';
import { tryRun } from '../run.ts';
import { type HostSettings, paths } from '../settings.ts';
import { statusFacts, statusScreen } from '../status/index.ts';
import { redact, redactObject } from './redact.ts';

/** The newest of each log. */
const logLines = 20_000;

const commands: readonly [string, ...string[]][] = [
  ['uname', '-a'],
  ['cat', '/etc/os-release'],
  ['uptime'],
  ['df', '-h'],
  ['free', '-m'],
  ['ip', '-d', 'address'],
  ['ip', '-4', 'rule'],
  ['ip', '-4', 'route', 'show', 'table', 'all'],
  ['nft', 'list', 'table', 'ip', 'shoal'],
  ['iptables', '-S'],
  ['iptables', '-t', 'raw', '-S'],
  ['docker', '-H', `unix://${paths.dockerSocket}`, 'version'],
  ['docker', '-H', `unix://${paths.dockerSocket}`, 'info'],
  [
    'docker',
    '-H',
    `unix://${paths.dockerSocket}`,
    'ps',
    '-a',
    '--no-trunc',
    '--format',
    '{{.ID}} {{.Image}} {{.Status}} {{.Names}}',
  ],
  ['docker', '-H', `unix://${paths.dockerSocket}`, 'network', 'ls'],
];

const lists: readonly [string, (docker: Docker) => Promise<unknown>][] = [
  ['nodes', (docker) => docker.listNodes()],
  ['services', (docker) => docker.listServices() as unknown as Promise<unknown>],
  ['tasks', (docker) => docker.listTasks()],
  ['networks', (docker) => docker.listNetworks()],
  ['info', (docker) => docker.info()],
];

/** Files for whoever helps, by name: what can be known of this host, without secrets. What can't be had says why. */
export async function collect(settings: HostSettings): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const init = initSystem();
  files.set('status.txt', `${statusScreen(await statusFacts(settings)).lines.join('\n')}\n`);
  files.set('settings.json', `${JSON.stringify(settings, undefined, 2)}\n`);
  for (const { name } of programsOf(settings)) files.set(`${name}.log`, await init.log(name, logLines));
  for (const [command, ...args] of commands) {
    const { code, stdout, stderr } = await tryRun(command, args);
    const name = [command, ...args.filter((arg) => /^[\w-]+$/.test(arg))].join('-').replace(/-+/g, '-');
    files.set(
      `host/${name}.txt`,
      `${stdout}${stderr}${code === 0 ? '' : `\n(ended with ${code ?? 'no start'})\n`}`,
    );
  }
  if (settings.role === 'manager') {
    const docker = localManager();
    for (const [name, ask] of lists) {
      const answer = await ask(docker).catch((error: Error) => ({ error: error.message }));
      files.set(`cluster/${name}.json`, `${JSON.stringify(redactObject(answer), undefined, 2)}\n`);
    }
  }
  for (const [name, text] of files) files.set(name, redact(text));
  return files;
}
