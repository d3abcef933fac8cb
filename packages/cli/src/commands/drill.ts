import { DRILLS, type Drill, hostsOf, rolesOf } from '@shoal/testbed/drill';
import { Argument, Command } from 'commander';
import { count } from '../count.ts';
import { askForecast, clusterOf, forecastFault, forecastLines, play, targetOf } from '../drill/index.ts';
import { usage } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';

interface DrillFlags {
  readonly testbed?: true;
  readonly yes?: true;
  readonly replicas: number;
  readonly image: string;
  readonly report?: string;
  readonly plan?: true;
}

const examples = `
Without -H a drill plays on the testbed (the cluster of \`npm start\`, or the one that SHOAL_PROJECT and its like
name). On a live cluster only these are allowed, after a question: ${DRILLS.filter(({ safe }) => safe)
  .map(({ name }) => name)
  .join(', ')}.

Examples:
  shoal drill                              lists the drills
  shoal drill host-power-loss              strikes the last host
  shoal drill daemon-kill h2               strikes h2
  shoal drill --plan host-power-loss h3    where would the tasks of h3 go?
  shoal -H tcp://10.0.0.5:2475 drill drain --yes

Exit code: 0 passed, 1 missed a goal, broke an invariant, found no room (--plan) or failed, 2 called wrongly.`;

export function drillCommand(): Command {
  return new Command('drill')
    .description('Strikes a cluster under load and measures what happens.')
    .addArgument(new Argument('[drill]', 'which one; without it they are listed'))
    .argument(
      '[hosts...]',
      'what to strike, several only with --plan; by default the last that may be struck',
    )
    .option('--plan', 'does nothing, and says where each task would go and what would find no room')
    .option('--testbed', 'on the testbed, whatever DOCKER_HOST says')
    .option('-y, --yes', 'on a live cluster: do not ask')
    .option('--replicas <n>', 'of the service that is deployed for the drill', replicas, 12)
    .option('--image <image>', 'of that service: a web server like examples/web', 'registry:5000/web:1')
    .option('--report <file>', 'writes an HTML page with a picture of what happened')
    .addHelpText('after', examples)
    .exitOverride()
    .action(async (name: string | undefined, hosts: string[], flags: DrillFlags, command: Command) => {
      const { format, host: address, tokenFile } = command.optsWithGlobals<GlobalOptions>();
      if (name === undefined) return list(format);
      const drill = DRILLS.find((each) => each.name === name);
      if (!drill)
        throw usage(`There is no drill ${name}; there are: ${DRILLS.map((each) => each.name).join(', ')}.`);
      const passed =
        flags.plan === true
          ? await plan(drill, hosts, { ...flags, address, tokenFile, format })
          : await strike(drill, hosts, { ...flags, address, tokenFile, format });
      process.exitCode = passed ? 0 : 1;
    });
}

interface Asked extends DrillFlags {
  readonly address: string | undefined;
  readonly tokenFile: string | undefined;
  readonly format: GlobalOptions['format'];
}

async function strike(drill: Drill, hosts: readonly string[], asked: Asked): Promise<boolean> {
  const [host, ...more] = hosts;
  if (more.length > 0)
    throw usage(`A drill strikes one host, not ${hosts.join(' and ')}: those only with --plan.`);
  return play(await targetOf(drill, { ...asked, host }), drill, { ...asked, host });
}

/** Returns whether all would find room. */
async function plan(drill: Drill, hosts: readonly string[], { format, ...named }: Asked): Promise<boolean> {
  const fault = forecastFault(drill);
  const target = await clusterOf(named);
  const nodes = hosts.length > 0 ? hosts : [rolesOf(drill, await hostsOf(target.docker)).victim];
  const forecast = await askForecast(target, fault, nodes);
  const text = format === 'json' ? [JSON.stringify(forecast)] : forecastLines(forecast, process.stdout);
  process.stdout.write(`${text.join('\n')}\n`);
  return forecast.noRoom.length === 0;
}

function list(format: GlobalOptions['format']): void {
  const width = Math.max(...DRILLS.map(({ name }) => name.length));
  for (const { name, says, safe } of DRILLS)
    process.stdout.write(
      format === 'json'
        ? `${JSON.stringify({ name, says, safe })}\n`
        : `${name.padEnd(width)}  ${says}${safe ? '' : ' (testbed only)'}\n`,
    );
}

/** What the machine that sends the requests can do; the scheduler could place far more. */
const mostReplicas = 500;

const replicas = (text: string): number => count(text, mostReplicas);
