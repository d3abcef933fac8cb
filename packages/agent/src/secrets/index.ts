export { memoryFolder, removeMemoryFolder } from './memory-folder.ts';
export { SecretFiles } from './secret-files.ts';
