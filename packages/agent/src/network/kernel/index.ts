export { type PresentLink, readLinks, toLink } from './links.ts';
export { batch, CommandError, query, run } from './run.ts';
export { Runner } from './runner.ts';
export { networkMtu, underlayMtu } from './underlay.ts';
export { type Hint, Watch } from './watch.ts';
