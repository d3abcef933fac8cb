export { auditCommand } from './audit.ts';
export { clientCertCommand } from './client-cert.ts';
export { drillCommand } from './drill.ts';
export { tokenCommand } from './token.ts';
