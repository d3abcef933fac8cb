/** The name of a task: `web.2`, or `agent.NODEID` for a global service's. Containers of other services reach it by this name. */
export const taskName = (serviceName: string, slot: number | string): string => `${serviceName}.${slot}`;

/** The name of a task's container, as Swarm has it. */
export const containerName = (serviceName: string, slot: number | string, taskId: string): string =>
  `${taskName(serviceName, slot)}.${taskId}`;

/** A port of a host, which only one can have: `tcp/80`. */
export const portKey = (protocol: string | null | undefined, port: number): string =>
  `${protocol || 'tcp'}/${port}`;
