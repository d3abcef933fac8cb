export { Commit } from './commit.ts';
export { Feed } from './feed.ts';
export type { Nodes } from './kind.ts';
export { isEndpoint } from './needs.ts';
