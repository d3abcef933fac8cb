export { Commit, type Nodes } from './commit.ts';
export { Feed } from './feed.ts';

export { isEndpoint } from './needs.ts';
