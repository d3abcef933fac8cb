import { faults, until } from '@shoal/testbed';
import { describe, expect, it } from 'vitest';
import { cluster, docker, nodeNamed, running } from './shared.ts';
import { isHeard, isThoughtOf, type Verdict, watched } from './watched.ts';

/** What each prober found in the newest round: `manager accepted`, `h3 silent`. */
const found = ({ evidence }: Verdict): string[] =>
  (evidence.at(-1)?.probes ?? []).map(({ by, hostname, answer }) => `${hostname ?? by} ${answer}`).sort();

const [h1, h2, h3] = cluster.hosts;
const nothingHappened = watched();

describe('a host that', () => {
  it.each([
    ['loses power', faults.powerOff, faults.powerOn],
    ['is cut off', faults.cut, faults.heal],
  ])('%s is down, with evidence, and its tasks run elsewhere', async (_, strike, mend) => {
    const { ID } = await nodeNamed('h3');
    await strike(h3);
    const down = await isThoughtOf(h3, 'down', ({ state }) => state === 'down');
    expect(found(down)).toContain('manager silent');
    expect(found(down).filter((one) => /accepted|refused/.test(one))).toEqual([]);
    const { Status } = await until(
      'the node shows it',
      async () => {
        const node = await docker.getNode('h3').inspect();
        return node.Status.State === 'down' ? node : undefined;
      },
      { timeoutMs: 10_000 },
    );
    expect(Status.Message).toMatch(/^no word from the agent for .* s, and its host does not answer /);
    const elsewhere = (await running('watched', 3)).map(({ NodeID }) => NodeID);
    expect(elsewhere).not.toContain(ID);
    await mend(h3);
    const { verdicts } = await isHeard(h3);
    expect(verdicts.map(({ state }) => state)).toContain('down');
    await until(
      'the node is ready again',
      async () => (await docker.getNode('h3').inspect()).Status.State === 'ready',
      { timeoutMs: 30_000 },
    );
  });
});

describe('a host that lives is not down', () => {
  it('when its agent is dead for a while: new tasks go elsewhere, what runs stays', async () => {
    await faults.killProcess(h2, 'agent', { hold: true });
    // The first probes may come before its kernel has closed the dead agent's port.
    await isThoughtOf(
      h2,
      'away, with nobody at its port',
      (liveness) => liveness.state === 'away' && found(liveness).includes('manager refused'),
    );
    const { Status } = await until(
      'it gets no new tasks',
      async () => {
        const node = await docker.getNode('h2').inspect();
        return node.Status.State === 'ready' ? undefined : node;
      },
      { timeoutMs: 15_000 },
    );
    expect(Status.State).toBe('disconnected');
    expect(Status.Message).toMatch(/^no word from the agent for .* s, but its host answers /);
    await faults.resume(h2, 'agent');
    await nothingHappened();
  });

  it('when its agent stalls for five seconds', async () => {
    await faults.freeze(h2, 'agent');
    await isThoughtOf(
      h2,
      'away for five seconds, though its port is open',
      (liveness) =>
        liveness.state === 'away' &&
        Date.now() - Date.parse(liveness.heardAt ?? '') > 5_000 &&
        found(liveness).includes('manager accepted'),
    );
    await faults.thaw(h2, 'agent');
    await nothingHappened();
  });

  it('when what the manager sends to it is lost, while it answers another host', async () => {
    await faults.drop({ from: h1, at: h2 });
    const away = await isThoughtOf(
      h2,
      'away for a while, but seen by h3',
      (liveness) =>
        liveness.state === 'away' &&
        Date.now() - Date.parse(liveness.heardAt ?? '') > 3_000 &&
        found(liveness).includes('h3 accepted'),
    );
    expect(found(away)).not.toContain('manager accepted');
    await faults.undrop(h2);
    await nothingHappened();
  });
});
