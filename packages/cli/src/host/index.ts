export { addressTowards, managerAddress, onlyAddress } from './addresses.ts';
export { clearHost } from './clear.ts';
export { makeContext } from './docker-context.ts';
export { type InitSystem, initSystem } from './init-system.ts';
export { localManager, untilItAnswers, untilReady, workerToken } from './local-manager.ts';
export { type ProgramName, programsOf } from './programs.ts';
export { ensureRequirements } from './requirements.ts';
export { run, tryRun } from './run.ts';
export { agentPort, type HostSettings, paths, readSettings, writeOwn, writeSettings } from './settings.ts';
