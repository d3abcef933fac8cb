#!/usr/bin/env node
import { CommanderError } from 'commander';
import { ExitError } from './exit.ts';
import { program } from './program.ts';

// Nobody reads the output any more (`| head`): a drill still has to be finished.
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

/** Our own errors, the manager's and the network's speak for themselves; all others are shown with their stack. */
function sayOf(error: unknown): string {
  const { name, message, stack, statusCode, syscall } = error as Error & {
    statusCode?: number;
    syscall?: string;
  };
  const known = name === 'ExitError' || name === 'TestbedError' || statusCode !== undefined;
  return known || syscall !== undefined ? message : (stack ?? message);
}
