// A client of the network benches, inside a container. Prints one JSON object.
//   node client.mjs answers HOST PORT COUNT   how many of COUNT new connections each server answered
import { Agent, get } from 'node:http';

const CONCURRENCY = 8;

const [mode, host, port, count] = process.argv.slice(2);
if (mode !== 'answers') throw new Error(`unknown mode ${mode}`);

const answers = {};
let left = Number(count);
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    while (left > 0) {
      left--;
      const answer = await ask();
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  }),
);
console.log(JSON.stringify(answers));

/** What the server says, or that it failed; each on a connection of its own. */
function ask() {
  return new Promise((resolve) => {
    const fail = (error) => resolve(`failed: ${error.code ?? error.message}`);
    const request = get({ host, port, agent: new Agent({ keepAlive: false }), timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve(body.trim())).on('error', fail);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', fail);
  });
}
