import { hostname } from 'node:os';
import { pino } from 'pino';
import { Agent } from './agent.ts';
import { type Config, help, readConfig, UsageError } from './config.ts';

/** Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong command line. */
function config(): Config {
  try {
    const read = readConfig(process.argv.slice(2), process.env, hostname());
    if (read !== 'help') return read;
    process.stdout.write(help);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${help}`);
    process.exit(2);
  }
}

const settings = config();
const log = pino({ level: settings.logLevel, base: null });
const { joinToken, ...shown } = settings;
log.info({ ...shown, joinToken: joinToken ? '[set]' : '[none]' }, 'agent starts');
try {
  const agent = await Agent.start(settings, log);
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'agent stops, containers keep running');
    await agent.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  log.fatal({ err: error }, 'agent cannot start');
  process.exit(1);
}
