import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { makeArchives } from './archive.ts';

const root = join(import.meta.dirname, '..');

/** CommonJS dependencies inside an ES module bundle still call require, __filename and __dirname. */
const BANNER = [
  "import { createRequire as shoalCreateRequire } from 'node:module';",
  'const require = shoalCreateRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('\n');

export interface Bundle {
  entry: string;
  out: string;
  /** Modules that stay outside. */
  without?: string[];
}

export const BUNDLES: readonly Bundle[] = [
  { entry: 'packages/manager/src/main.ts', out: 'dist/manager/main.mjs' },
  // Runs in a thread of the manager, see store/backends/sqlite.ts.
  { entry: 'packages/manager/src/store/backends/sqlite-worker.ts', out: 'dist/manager/sqlite-worker.mjs' },
  // For `shoal restore`, while no manager runs.
  { entry: 'packages/manager/src/restore.ts', out: 'dist/manager/restore.mjs' },
  { entry: 'packages/agent/src/main.ts', out: 'dist/agent/main.mjs' },
  // Before a host joins a cluster.
  { entry: 'packages/agent/src/check.ts', out: 'dist/agent/check.mjs' },
  // When a host leaves its cluster.
  { entry: 'packages/agent/src/remove.ts', out: 'dist/agent/remove.mjs' },
  // Ends when it has made a key, see identity/make-key-apart.ts.
  { entry: 'packages/agent/src/identity/make-key.ts', out: 'dist/agent/make-key.mjs' },
  // Runs inside a container's network, see insight/inside.ts.
  { entry: 'packages/agent/src/network/insight/try-inside.ts', out: 'dist/agent/try-inside.mjs' },
  // The testbed needs a clone.
  { entry: 'packages/cli/src/main.ts', out: 'dist/cli/main.mjs', without: ['*/on-testbed.ts'] },
];

/** dockerode can reach daemons over SSH, which none of us does: its client would cost each agent 2 MB of memory. */
const WITHOUT_SSH: Plugin = {
  name: 'without-ssh',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^ssh2$/ }, ({ path }) => ({ path, namespace: 'empty' }));
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * An `import` of node:http reads each of its exports, and one of them loads Node's whole client for fetch and WebSocket
 * (lib/http.js); `require` reads what is used. Costs each process 20 ms of its start and 2 MB otherwise.
 */
const HTTP_REQUIRED: Plugin = {
  name: 'http-required',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'required' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/** One file per process, so that a host needs Node and nothing else. */
export async function bundle({ entry, out, without = [] }: Bundle): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // No source maps: reading them costs each process 80 MB. Names stay, for stack traces; all else that only people
    // read would cost each process 2 MB.
    sourcemap: false,
    minifyWhitespace: true,
    minifySyntax: true,
    external: ['*.node', ...without],
    plugins: [WITHOUT_SSH, HTTP_REQUIRED],
    banner: { js: BANNER },
    logLevel: 'warning',
  });
}

/** The API's documentation page is served by the manager from files beside its bundle. */
function copyDocs(): void {
  const ui = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const target = join(root, 'dist/manager/docs');
  mkdirSync(target, { recursive: true });
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css']) cpSync(join(ui, file), join(target, file));
}

export async function buildAll(say: (line: string) => void): Promise<void> {
  await Promise.all(
    BUNDLES.map(async (each) => {
      if (!existsSync(join(root, each.entry))) throw new Error(`build: ${each.entry} does not exist`);
      await bundle(each);
      const size = statSync(join(root, each.out)).size / 1024 / 1024;
      say(`built ${relative(root, join(root, each.out))} (${size.toFixed(1)} MB)`);
    }),
  );
  copyDocs();
}

if (import.meta.main) {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  await buildAll(say);
  if (process.argv[2] === 'archive') await makeArchives(process.argv.slice(3), say);
}
