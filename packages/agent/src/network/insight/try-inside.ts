import { text } from 'node:stream/consumers';
import { obey } from './inside.ts';

// A program of its own: only a new process can be in another network namespace.
process.stdout.write(await obey(await text(process.stdin)));
