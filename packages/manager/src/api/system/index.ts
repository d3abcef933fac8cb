export { clusterOf, lockedInfo, reachedAt, versionView } from './cluster-info.ts';
export { distributionPath, distributionRoutes } from './distribution.ts';
export { doctorRoutes } from './doctor.ts';
export { howToJoin, withJoinWords } from './join-words.ts';
export { systemRoutes } from './routes.ts';
export { swarmRoutes } from './swarm.ts';
