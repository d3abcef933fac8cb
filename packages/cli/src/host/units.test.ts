import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Program, programsOf } from './programs.ts';
import type { HostSettings } from './settings.ts';
import { openrcScript, systemdUnit } from './units.ts';

const settings: HostSettings = {
  role: 'manager',
  advertiseAddr: '10.0.0.1',
  manager: '10.0.0.1:2480',
  api: ['tcp://127.0.0.1:2475'],
  managerArgs: ['--log-level', 'debug'],
  agentArgs: [],
};
const [manager, agent] = programsOf(settings) as [Program, Program];

test('a manager runs both programs, a worker the agent', () => {
  expect([manager.name, agent.name]).toEqual(['manager', 'agent']);
  expect(programsOf({ ...settings, role: 'worker' }).map(({ name }) => name)).toEqual(['agent']);
  expect(manager.command.join(' ')).toContain(
    '--api unix:///run/shoal/shoal.sock --api tcp://127.0.0.1:2475 --agent-listen 0.0.0.0:2480 --log-level debug',
  );
  expect(agent.command).toContain('--runs-manager');
});

test('the unit of the agent: started again for ever, and what it started stays', () => {
  const unit = systemdUnit(agent);
  for (const line of [
    'After=network-online.target docker.service shoal-manager.service',
    'StartLimitIntervalSec=0',
    'Environment=MALLOC_ARENA_MAX=1',
    'Restart=always',
    'KillMode=process',
    'WantedBy=multi-user.target',
  ])
    expect(unit.split('\n')).toContain(line);
  expect(systemdUnit(manager)).not.toContain('KillMode');
});

test('what is in the memory of the programs gets to no disk', () => {
  for (const program of [manager, agent]) {
    expect(systemdUnit(program)).toMatch(/^MemorySwapMax=0$[\s\S]*^LimitCORE=0$/m);
    expect(openrcScript(program)).toMatch(/^rc_ulimit='.*-c 0'$/m);
  }
});

test('words of a unit stand for themselves', () => {
  const unit = systemdUnit({ ...agent, command: ['/x', 'a b', '100%', '$HOME', 'say "hi"', 'back\\slash'] });
  expect(unit).toContain('ExecStart=/x "a b" 100%% $$HOME "say \\"hi\\"" "back\\\\slash"');
});

test('the script of OpenRC gives the program its arguments, whatever is in them', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ minLength: 1 }).filter((word) => !/[\0\n\r]/.test(word)),
        { maxLength: 4 },
      ),
      (args) => {
        const script = openrcScript({ ...agent, command: ['/bin/echo', ...args] });
        // As OpenRC does it: the variable's words are evaluated once more.
        const shell = `${script}\neval "set -- $command_args"; for word; do printf '%s\\n' "$word"; done`;
        const { stdout } = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
        expect(stdout).toBe(args.map((word) => `${word}\n`).join(''));
      },
    ),
    { numRuns: 30 },
  );
});

test("OpenRC's log does not grow without end: a large one is set aside when the program is started", () => {
  expect(openrcScript(agent)).toContain(
    'if [ -n "$(find /var/log/shoal/agent.log -size +20000000c 2>/dev/null)" ]; then mv /var/log/shoal/agent.log /var/log/shoal/agent.log.1; fi',
  );
});
