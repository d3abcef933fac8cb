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
    const known = error instanceof ExitError || (error as Error).name === 'TestbedError';
    process.stderr.write(`${known ? (error as Error).message : (error as Error).stack}\n`);
    process.exitCode = error instanceof ExitError ? error.code : 1;
  }
}
