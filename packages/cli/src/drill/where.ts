import { createInterface } from 'node:readline/promises';
import { type Drill, hostsOf, rolesOf, SERVICE, type Target } from '@shoal/testbed/drill';
import { ExitError, usage } from '../exit.ts';
import { namedManager, refuseDaemon } from '../manager/index.ts';

interface Named {
  /** The value of -H. */
  readonly address: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly testbed?: true;
}

/** The testbed unless another cluster is named. */
export async function clusterOf({ address, tokenFile, testbed }: Named): Promise<Target> {
  if (address !== undefined && testbed) throw usage('Give -H or --testbed, not both.');
  const found = address === undefined ? await runningTestbed(testbed === true) : undefined;
  return found ?? namedManager({ host: address, tokenFile });
}

interface Asked extends Named {
  readonly yes?: true;
  /** Host to strike. */
  readonly host: string | undefined;
  readonly replicas: number;
}

/** Where to play the drill: on a live cluster only if the drill is safe there and the user agreed. */
export async function targetOf(drill: Drill, asked: Asked): Promise<Target> {
  const target = await clusterOf(asked);
  if (target.testbed) return target;
  if (!drill.safe)
    throw usage(
      `${drill.name} does real damage (${drill.says}), so it is not for a live cluster. Play it on the testbed, in a clone of Shoal: \`npm start\`, then \`npm run shoal -- drill ${drill.name} --testbed\`.`,
    );
  await refuseDaemon(target);
  const { victim } = rolesOf(drill, await hostsOf(target.docker), asked.host);
  if (asked.yes !== true) await agree(drill, target.address, victim, asked.replicas);
  return target;
}

/** Only a clone of the repository has a testbed; the bundled command does without. */
async function runningTestbed(must: boolean): Promise<Target | undefined> {
  const module = await import('./on-testbed.ts').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  });
  if (!module && must) throw usage('The testbed comes with a clone of Shoal: run `npm run shoal` there.');
  return module?.runningTestbed(must);
}

async function agree(drill: Drill, address: string, victim: string, replicas: number): Promise<void> {
  const struck = drill.name === 'drain' ? `, here ${victim} with all that runs on it` : '';
  const what = [
    `${drill.name}: ${drill.says}${struck}.`,
    `For it, the service ${SERVICE} (${replicas} replicas, a published port) is deployed on ${address}, gets 60 requests a second, and is removed again.`,
  ].join('\n');
  if (!process.stdin.isTTY) throw usage(`${what}\nSay --yes if that is all right.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${what}\nGo on? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new ExitError(1, 'Nothing was done.');
  } finally {
    terminal.close();
  }
}
