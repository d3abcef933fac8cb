import { pino } from 'pino';
import { readConfig, usage } from './config.ts';
import { alone } from './leadership/index.ts';
import { Manager } from './manager.ts';
import { version } from './version.ts';

const config = (() => {
  try {
    const sealingKey = process.env.SHOAL_SEALING_KEY;
    delete process.env.SHOAL_SEALING_KEY;
    return readConfig(process.argv.slice(2), sealingKey);
  } catch (error) {
    console.error(`shoal-manager: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(125);
  }
})();
if (config === 'help') {
  console.log(usage);
  process.exit(0);
}

const log = pino({ name: 'shoal-manager', level: config.logLevel });
try {
  const manager = await Manager.start({ ...config, log, follow: () => alone(config.stateDir) });
  void manager.failed.then(() => process.exit(1));
  const stop = async (signal: string) => {
    log.info({ signal }, 'stopping');
    // A client that keeps its connection must not keep the manager.
    setTimeout(() => process.exit(0), 5_000).unref();
    await manager.close();
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
  const { addresses: api, isLocked } = manager;
  log.info({ version, api, agents: config.agentListen }, `manager is up${isLocked ? ', and locked' : ''}`);
} catch (error) {
  log.fatal({ err: error }, 'could not start');
  process.exit(1);
}
