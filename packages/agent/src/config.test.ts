import { describe, expect, it } from 'vitest';
import { readConfig, UsageError } from './config.ts';

const least = ['--manager', 'm:2480', '--advertise-addr', '10.0.0.2'];

it('has defaults for all but two options', () => {
  expect(readConfig(least, { SHOAL_JOIN_TOKEN: 'secret' }, 'h1')).toEqual({
    stateDir: '/var/lib/shoal/agent',
    manager: 'm:2480',
    dockerSocket: '/var/run/docker.sock',
    hostname: 'h1',
    advertiseAddr: '10.0.0.2',
    probePort: 2481,
    runsManager: false,
    joinToken: 'secret',
    joinTokenFile: undefined,
    logLevel: 'info',
  });
});

it('shows help', () => {
  expect(readConfig(['--help'], {}, 'h1')).toBe('help');
});

describe('refuses', () => {
  it.each([
    [['--manger', 'm:1'], /Unknown option '--manger'/],
    [[], /--manager is missing/],
    [['--manager', 'm'], /--manager m: it takes the form HOST:PORT/],
    [[...least, '--docker', 'tcp://x:1'], /--docker tcp:\/\/x:1: it takes the form unix/],
    [[...least, '--probe-port', '70000'], /--probe-port 70000: it is a number from 1 to 65535/],
    [[...least, '--log-level', 'loud'], /--log-level loud: it is one of trace/],
    [[...least, 'extra'], /Unexpected argument 'extra'/],
  ])('%j', (args, text) => {
    expect(() => readConfig(args, {}, 'h1')).toThrow(UsageError);
    expect(() => readConfig(args, {}, 'h1')).toThrow(text);
  });
});
