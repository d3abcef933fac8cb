/**
 * Generates packages/proto/src/gen from the .proto files, and lints them; the result is committed. They have to be understood by
 * agents of the release before, whose files are in released/: who has to break that raises protocolVersion.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const buf = (...args: string[]) =>
  execFileSync(resolve(root, 'node_modules/.bin/buf'), args, {
    cwd: resolve(root, 'packages/proto'),
    stdio: 'inherit',
  });

buf('lint');
buf('breaking', '--against', 'released');
buf('generate');
console.log('packages/proto/src/gen is up to date');
