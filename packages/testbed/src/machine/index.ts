export { install, sourcesOf } from './apt.ts';
export { daemonAnswers, ensureDocker, forgetClusterAddress, stopOwnDaemon } from './docker.ts';
export { type HttpAnswer, type HttpOptions, http, httpJson, type UntilOptions, until } from './http.ts';
export { COMPOSE_FILE, ROOT, TOOLS } from './paths.ts';
export { commandExists, lastLines, type RunOptions, run, tryRun } from './run.ts';
export { main, say, step, TestbedError } from './say.ts';
