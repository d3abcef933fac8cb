#!/usr/bin/env node
import { CommanderError } from 'commander';
import { ExitError } from './exit.ts';
import { program } from './program.ts';

// Nobody reads any more (`| head`): no reason to leave a drill half done.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** 0: all is well; 1: it is not, or an error; 2: called wrongly. */
try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`${sayOf(error)}\n`);
    process.exitCode = error instanceof ExitError ? error.code : 1;
  }
}

/** Errors of ours, of the manager and of the network say enough; of all others the stack is worth having. */
function sayOf(error: unknown): string {
  const { name, message, stack, statusCode, syscall } = error as Error & {
    statusCode?: number;
    syscall?: string;
  };
  const known = name === 'ExitError' || name === 'TestbedError' || statusCode !== undefined;
  return known || syscall !== undefined ? message : (stack ?? message);
}
