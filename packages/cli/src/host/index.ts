export { addressTowards, managerAddress, onlyAddress } from './addresses.ts';
export { readBackup } from './backup-reader.ts';
export { clearHost } from './clear.ts';
export { makeContext } from './docker-context.ts';
export { identityHere } from './identity.ts';
export { type InitSystem, initSystem, inPlaceOf } from './init-system.ts';
export {
  encryptByDefault,
  insist,
  localManager,
  untilItAnswers,
  untilReady,
  workerToken,
} from './local-manager.ts';
export { type ProgramName, programsOf } from './programs.ts';
export { isNewer } from './release.ts';
export { ensureRequirements } from './requirements.ts';
export { run, tryRun } from './run.ts';
export { agentPort, type HostSettings, paths, readSettings, writeOwn, writeSettings } from './settings.ts';
export { bringStateBack, forgetStateCopies } from './state-copy.ts';
export { untilWelcomed } from './welcomed.ts';
