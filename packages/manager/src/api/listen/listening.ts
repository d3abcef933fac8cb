import type { Server } from 'node:http';

export const listening = (
  server: Server,
  where: { path: string } | { host: string; port: number },
): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
