import { Cluster, mainCluster } from '../cluster/index.ts';
import { APP_PORT, converged, deploy, exampleApp, listTasks } from '../load/index.ts';
import { main, say, step } from '../machine/index.ts';

/** From a bare machine to three hosts with the example application running on them. */
await main(async () => {
  const cluster = await Cluster.up(mainCluster());
  const docker = cluster.docker();
  const app = await exampleApp(cluster);
  await step('deploying the example application', () => deploy(docker, app));
  await step('waiting until it has converged', () => converged(docker, app));
  say('the cluster is up');
  process.stdout.write(await picture(cluster));
  return 0;
});

/** The state in a few lines, and what to try next. */
async function picture(cluster: Cluster): Promise<string> {
  const docker = cluster.docker();
  const nodes = await docker.listNodes();
  const services = await docker.listServices();
  const tasks = (await listTasks(docker)).filter((task) => task.Status.State === 'running');
  const nameOf = new Map(services.map((service) => [service.ID, service.Spec?.Name ?? service.ID]));
  const lines = [''];
  for (const node of nodes.toSorted((a, b) => name(a).localeCompare(name(b)))) {
    const here = tasks.filter((task) => task.NodeID === node.ID);
    const names = here.map((task) => `${nameOf.get(task.ServiceID)}.${task.Slot ?? ''}`).toSorted();
    lines.push(
      `  ${name(node).padEnd(4)} ${(node.Status?.State ?? 'unknown').padEnd(8)} ${names.join('  ')}`,
    );
  }
  const address = `tcp://127.0.0.1:${cluster.options.apiPort}`;
  return `${[
    ...lines,
    '',
    'Try next:',
    `  export DOCKER_HOST=${address}`,
    '  docker node ls',
    '  docker service ls',
    '  docker service ps web',
    '  docker service scale web=9',
    `  curl http://${cluster.hosts[2].ip}:${APP_PORT}/     # every host answers`,
    `  env -u DOCKER_HOST docker kill ${cluster.options.project}-h3     # a host loses power`,
    `  env -u DOCKER_HOST docker start ${cluster.options.project}-h3    # and comes back`,
    '  npm stop',
  ].join('\n')}\n`;
}

function name(node: { Description?: { Hostname?: string } }): string {
  return node.Description?.Hostname ?? '?';
}
