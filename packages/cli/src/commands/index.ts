export { drillCommand } from './drill.ts';
