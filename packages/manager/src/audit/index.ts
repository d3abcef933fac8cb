export { AuditLog, type Verdict } from './audit-log.ts';
export type { Entry, Linked } from './chain.ts';
