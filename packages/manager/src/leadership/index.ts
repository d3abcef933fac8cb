export { alone } from './alone.ts';
export { type Leading, type LeadOptions, lead } from './lead.ts';
