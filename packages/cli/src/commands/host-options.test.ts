import { Command } from 'commander';
import { expect, it } from 'vitest';
import { givenHostOptions, hostOptions } from './host-options.ts';

it.each<[string[], string[]]>([
  [[], []],
  [
    ['--advertise-addr', '10.0.0.1', '--agent-args', '--x'],
    ['--advertise-addr', '--agent-args'],
  ],
  [
    ['--install-docker', '--hostname=h1'],
    ['--hostname', '--install-docker'],
  ],
])('of a call with %j these are given: %j', (call, given) => {
  const command = new Command('join');
  for (const option of hostOptions()) command.addOption(option);
  expect(givenHostOptions(command.parse(call, { from: 'user' }))).toEqual(given);
});
