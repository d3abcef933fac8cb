export { BridgeNetworks } from './bridge-networks.ts';
export { Daemon } from './daemon.ts';
export { daemonTrouble } from './daemon-trouble.ts';
export { messageOf, statusCodeOf } from './errors.ts';
export { ProcessesWatch } from './processes-watch.ts';
export { removeFromDocker } from './remove-all.ts';
export { watchContainers } from './watch.ts';
