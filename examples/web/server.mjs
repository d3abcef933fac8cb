// The example application: says who answered, to whom, and how often, and can be told to misbehave.
//   GET /              JSON; with ?ms=N this one answer takes N milliseconds
//   GET /health        200, or 503 after POST /unhealthy; POST /healthy mends it
//   POST /slow?ms=N    from now on every answer takes N milliseconds (0 ends it)
//   node server.mjs --health   asks the running server: exit 0 if healthy (the container's health check)
import { createServer, get } from 'node:http';
import { connect, Server as NetServer } from 'node:net';
import { hostname } from 'node:os';

const port = Number(process.env.PORT ?? 8080);
const name = process.env.TASK_NAME ?? hostname();
const version = process.env.VERSION ?? '0';

if (process.argv.includes('--health')) {
  const request = get({ host: '127.0.0.1', port, path: '/health', timeout: 2000 }, (response) => {
    process.exit(response.statusCode === 200 ? 0 : 1);
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => process.exit(1));
} else {
  serve();
}

function serve() {
  const visits = process.env.REDIS_ADDR ? counter(process.env.REDIS_ADDR) : undefined;
  let healthy = true;
  let delayMs = 0;
  let stopping = false;

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://web');
    const ms = Number(url.searchParams.get('ms') ?? 0) || 0;
    const send = (status, body) => {
      if (stopping) response.setHeader('connection', 'close');
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /health') return send(healthy ? 200 : 503, { healthy });
    if (route === 'POST /healthy' || route === 'POST /unhealthy') {
      healthy = route === 'POST /healthy';
      return send(200, { healthy });
    }
    if (route === 'POST /slow') {
      delayMs = Math.min(Math.max(ms, 0), 60_000);
      return send(200, { delayMs });
    }
    if (route !== 'GET /') return send(404, { error: `no ${route} here` });
    const wait = delayMs + Math.min(Math.max(ms, 0), 60_000);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const client = request.socket.remoteAddress?.replace(/^::ffff:/, '');
    send(200, { name, version, client, ...(visits ? { visits: await visits() } : {}) });
  });

  server.listen(port, () => console.log(`web ${version} (${name}) listens on ${port}`));
  process.on('SIGTERM', () => {
    // Accept nothing new, finish what is open, then go. A kept connection may carry its next request at this very
    // moment: it ends with an answer that says so, and only after a second of silence without one.
    stopping = true;
    NetServer.prototype.close.call(server, () => process.exit(0));
    setTimeout(() => server.closeIdleConnections(), 1000);
  });
}

/** Counts visits in Redis over one connection; null while Redis can't be reached. */
function counter(address) {
  const [host, redisPort] = address.split(':');
  let socket;
  const waiting = [];

  const fail = (broken) => {
    if (socket !== broken) return;
    socket = undefined;
    broken.destroy();
    for (const { resolve, timer } of waiting.splice(0)) {
      clearTimeout(timer);
      resolve(null);
    }
  };

  const open = () => {
    const fresh = connect({ host, port: Number(redisPort ?? 6379) });
    let rest = '';
    fresh.setNoDelay(true).setEncoding('utf8').unref();
    fresh.on('data', (chunk) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const next = waiting.shift();
        if (!next) continue;
        clearTimeout(next.timer);
        next.resolve(line.startsWith(':') ? Number(line.slice(1)) : null);
      }
    });
    fresh.on('error', () => fail(fresh));
    fresh.on('close', () => fail(fresh));
    return fresh;
  };

  return () =>
    new Promise((resolve) => {
      socket ??= open();
      const used = socket;
      waiting.push({ resolve, timer: setTimeout(() => fail(used), 1000) });
      used.write('INCR visits\r\n');
    });
}
