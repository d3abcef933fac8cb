export { drillCommand } from './drill.ts';
export { tokenCommand } from './token.ts';
