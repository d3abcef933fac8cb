import { daemonTrouble } from './docker/index.ts';

/** Called before this host joins a cluster: `check.mjs PATH_OF_DOCKERS_SOCKET` prints why it can't, or nothing. */
const [socketPath = '/var/run/docker.sock'] = process.argv.slice(2);
process.stdout.write(await daemonTrouble(socketPath));
