export { Tunnels } from './tunnels.ts';
