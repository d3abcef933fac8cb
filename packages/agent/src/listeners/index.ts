export { ListenerWatch } from './listener-watch.ts';
export { oursOf } from './ours.ts';
