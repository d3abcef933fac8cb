export { drained, withdrawn } from './leaving.ts';
export { StaleFlows } from './stale-flows.ts';
