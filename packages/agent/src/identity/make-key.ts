import { makeKeyAndRequest } from './key-and-request.ts';

process.stdout.write(JSON.stringify(await makeKeyAndRequest()));
