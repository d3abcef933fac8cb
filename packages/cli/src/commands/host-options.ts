import { isIPv4 } from 'node:net';
import { type Command, Option } from 'commander';
import { ExitError, usage } from '../exit.ts';
import { type HostSettings, paths, readSettings } from '../host/index.ts';

/** What `init` and `join` both take. */
export interface HostFlags {
  readonly advertiseAddr?: string;
  readonly hostname?: string;
  readonly installDocker?: true;
  readonly agentArgs: readonly string[];
}

export const hostOptions = (): Option[] => [
  new Option(
    '--advertise-addr <ip>',
    "by which the other hosts reach this one (default: the host's own, if it has only one)",
  ),
  new Option('--hostname <name>', "of the node (default: the host's own)"),
  new Option(
    '--install-docker',
    "installs what is missing, Docker among it, from the distribution's packages",
  ),
  new Option('--agent-args <words>', 'more options of the agent, as `agent/main.mjs --help` lists them')
    .default([])
    .argParser(words),
];

/** Those of them that a call names, as they are written there. */
export const givenHostOptions = (command: Command): string[] =>
  hostOptions()
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long ?? '');

/** Options for a program, with blanks between them. */
export const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

export function checkedAddress(address: string | undefined): string | undefined {
  if (address !== undefined && !isIPv4(address))
    throw usage(`--advertise-addr ${address}: it takes an IPv4 address of this host.`);
  return address;
}

/** Throws an ExitError unless this process may change the host. */
export function needRoot(command: string): void {
  if (process.getuid?.() !== 0) throw new ExitError(1, `\`shoal ${command}\` needs root: run it with sudo.`);
}

export function needNoCluster(): void {
  const settings = readSettings();
  if (settings)
    throw new ExitError(
      1,
      `This host is ${settings.role === 'manager' ? 'the manager of a cluster already' : `in the cluster of ${settings.manager} already`}: \`shoal status\` says how it is, \`shoal leave\` ends that.`,
    );
}

export function needCluster(): HostSettings {
  const settings = readSettings();
  if (settings) return settings;
  throw new ExitError(
    1,
    `This host is in no cluster (there is no ${paths.settings}): \`shoal init\` begins one, \`shoal join\` takes it into one.`,
  );
}

export const say = (line: string): void => void process.stderr.write(`${line}\n`);
