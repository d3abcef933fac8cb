export { drillCommand } from './drill.ts';
export { initCommand } from './init.ts';
export { joinCommand } from './join.ts';
export { leaveCommand, uninstallCommand } from './leave.ts';
export { startCommand } from './start.ts';
export { statusCommand } from './status.ts';
export { supportBundleCommand } from './support-bundle.ts';
export { tokenCommand } from './token.ts';
export { upgradeCommand } from './upgrade.ts';
