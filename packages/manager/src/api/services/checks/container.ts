import { isIP } from 'node:net';
import { fieldsAt } from '../../../field-path.ts';
import type { ContainerSpec } from '../../../model/index.ts';
import { checkImage } from '../../checks/index.ts';
import { badRequest, invalid } from '../../http/index.ts';
import { checkKernel } from './kernel.ts';
import { checkMounts } from './mounts.ts';
import { isSignal } from './signals.ts';

const base = 'TaskTemplate.ContainerSpec';
const millisecond = 1_000_000;
/** Linux takes no longer one (HOST_NAME_MAX). */
const longestHostname = 64;

/**
 * Swarm's rules (swarmkit controlapi), and those that a task would break on whatever host it comes to: what can only
 * end in a task that never starts is refused where it is written. Throws 400.
 */
export function checkContainer(container: ContainerSpec): void {
  checkImage(container.Image);
  checkMounts(container.Mounts ?? []);
  checkHealth(container);
  checkEnv(container.Env ?? []);
  if ((container.StopGracePeriod ?? 0) < 0) {
    throw invalid('ContainerSpec: StopGracePeriod cannot be negative', `${base}.StopGracePeriod`);
  }
  checkProcess(container);
  checkHosts(container.Hosts ?? []);
  checkDns(container);
  checkPrivileges(container);
  checkKernel(container);
}

function checkHealth({ Healthcheck }: ContainerSpec): void {
  if (!Healthcheck) return;
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = Healthcheck[field] ?? 0;
    if (value !== 0 && value < millisecond) {
      throw invalid(
        `ContainerSpec: ${field} in HealthConfig cannot be less than 1ms`,
        `${base}.Healthcheck.${field}`,
      );
    }
  }
  if ((Healthcheck.Retries ?? 0) < 0) {
    throw invalid('ContainerSpec: Retries in HealthConfig cannot be negative', `${base}.Healthcheck.Retries`);
  }
  const [kind, ...probe] = Healthcheck.Test ?? [];
  if (kind === undefined || kind === 'NONE') return;
  // Docker takes any other word, and runs no probe at all; of a CMD without a program its daemon dies (20.10).
  if ((kind !== 'CMD' && kind !== 'CMD-SHELL') || probe.length === 0) {
    throw badRequest(
      `${base}.Healthcheck.Test: must be ["CMD", program, argument …], ["CMD-SHELL", command], ["NONE"], or [] for ` +
        `the image's own; got ${JSON.stringify(Healthcheck.Test)}`,
    );
  }
}

function checkEnv(env: readonly string[]): void {
  const wrong = env.findIndex((entry) => entry === '' || entry.startsWith('='));
  if (wrong >= 0) {
    throw badRequest(`${base}.Env[${wrong}]: must be NAME=value, got "${env[wrong]}"`);
  }
}

/** Refuses what no process can be started with, such as a NUL character in an argument. */
function checkProcess(container: ContainerSpec): void {
  for (const field of ['Command[]', 'Args[]', 'Env[]', 'Dir', 'User', 'Hostname']) {
    const hit = fieldsAt(container, field).find(({ value }) => String(value ?? '').includes('\0'));
    if (hit) throw badRequest(`${base}.${hit.path}: has a NUL character in it`);
  }
  const { Dir, Hostname, StopSignal, Groups } = container;
  if (Dir && !Dir.startsWith('/')) {
    throw badRequest(
      `${base}.Dir: the working directory '${Dir}' is invalid, it needs to be an absolute path`,
    );
  }
  if (Buffer.byteLength(Hostname ?? '') > longestHostname) {
    throw badRequest(`${base}.Hostname: is longer than the ${longestHostname} bytes that Linux takes`);
  }
  if (StopSignal && !isSignal(StopSignal)) {
    throw badRequest(`${base}.StopSignal: invalid signal: ${StopSignal}; write a name such as SIGTERM`);
  }
  const group = (Groups ?? []).indexOf('');
  if (group >= 0) throw badRequest(`${base}.Groups[${group}]: a group must be named`);
}

const gateway = 'host-gateway';
const isHostAddress = (text: string): boolean =>
  text === gateway || (isIP(text) !== 0 && !text.includes('%'));

/** Lines of a hosts file, as Swarm has them; `docker run` writes them the other way round. */
function checkHosts(hosts: readonly string[]): void {
  for (const [i, line] of hosts.entries()) {
    const [address = '', ...names] = line.trim().split(/\s+/);
    if (isHostAddress(address) && names.length > 0 && names.every((name) => !name.includes(':'))) continue;
    const meant = turnedRound(line.trim());
    throw badRequest(
      `${base}.Hosts[${i}]: must be "ADDRESS NAME [ALIAS …]", got "${line}"${meant ? `; write "${meant}"` : ''}`,
    );
  }
}

/** `name 10.1.2.3`, `name:10.1.2.3` and `name=10.1.2.3` as they should be; undefined for anything else. */
function turnedRound(line: string): string | undefined {
  const [, name, address = ''] = /^([^\s:=]+)\s*[\s:=]\s*\[?([^\s[\]]+)\]?$/.exec(line) ?? [];
  return isHostAddress(address) ? `${address} ${name}` : undefined;
}

function checkDns({ DNSConfig }: ContainerSpec): void {
  for (const [i, address] of (DNSConfig?.Nameservers ?? []).entries()) {
    if (isIP(address) === 0) {
      throw badRequest(
        `${base}.DNSConfig.Nameservers[${i}]: "${address}" is not an IP address such as 10.0.0.53`,
      );
    }
  }
  for (const field of ['Search', 'Options'] as const) {
    const wrong = (DNSConfig?.[field] ?? []).findIndex((word) => !/^\S+$/.test(word));
    if (wrong >= 0) {
      throw badRequest(
        `${base}.DNSConfig.${field}[${wrong}]: must be one word, got "${DNSConfig?.[field]?.[wrong]}"`,
      );
    }
  }
}

const seccompModes = ['', 'default', 'unconfined', 'custom'];
const apparmorModes = ['', 'default', 'disabled'];

function checkPrivileges({ Privileges }: ContainerSpec): void {
  const { Seccomp, AppArmor } = Privileges ?? {};
  const modes = [
    ['Seccomp', Seccomp?.Mode ?? '', seccompModes],
    ['AppArmor', AppArmor?.Mode ?? '', apparmorModes],
  ] as const;
  for (const [field, mode, allowed] of modes) {
    if (!allowed.includes(mode)) {
      throw badRequest(
        `${base}.Privileges.${field}.Mode: must be one of ${allowed.filter(Boolean).join(', ')}, got "${mode}"`,
      );
    }
  }
  if (Seccomp?.Mode === 'custom' && !isJson(Buffer.from(Seccomp.Profile ?? '', 'base64').toString())) {
    throw badRequest(`${base}.Privileges.Seccomp.Profile: must be a seccomp profile in JSON, in base64`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
