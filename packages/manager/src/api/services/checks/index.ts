export { isNetSysctl } from './kernel.ts';
export { validateService } from './service.ts';
export { exampleFor } from './templates.ts';
