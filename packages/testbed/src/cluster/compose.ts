import {
  COMPOSE_FILE,
  commandExists,
  install,
  type RunOptions,
  run,
  TestbedError,
  tryRun,
} from '../machine/index.ts';

let found: Promise<string[]> | undefined;

/** `docker compose` if present, else `docker-compose`, else Debian's, installed. */
function composeCommand(): Promise<string[]> {
  found ??= (async () => {
    if ((await tryRun('docker', ['compose', 'version'])).code === 0) return ['docker', 'compose'];
    if (!(await commandExists('docker-compose')))
      await install('Docker Compose is missing', ['docker-compose']);
    return ['docker-compose'];
  })();
  return found;
}

/** What Docker says, and what a user can do about it. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /overlaps with other one|pool overlaps/i,
    'Another network here uses the same addresses: choose a free /24 with SHOAL_NET, for example SHOAL_NET=10.214.75.',
  ],
  [
    /port is already allocated|address already in use/i,
    'A port is taken on this machine: choose others with SHOAL_API_PORT and SHOAL_REGISTRY_PORT.',
  ],
];

/** Runs Compose on the testbed's file. */
export async function compose(
  project: string,
  args: readonly string[],
  env: Record<string, string>,
  options: RunOptions = {},
): Promise<string> {
  const [command = '', ...first] = await composeCommand();
  try {
    return await run(command, [...first, '-p', project, '-f', COMPOSE_FILE, ...args], {
      timeoutMs: 180_000,
      ...options,
      env,
    });
  } catch (error) {
    const text = (error as Error).message;
    const advice = ADVICE.find(([pattern]) => pattern.test(text))?.[1];
    throw advice ? new TestbedError(`${text}\n\n${advice}`) : error;
  }
}
