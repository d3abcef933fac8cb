import { MemoryUse } from '@shoal/proto';
import type { Ask } from './ask.ts';

const withinMs = 2_000;

/** Bytes of memory that the tasks on a node use, by id. Rejects with a QueryError when its agent does not say. */
export async function memoryUse(ask: Ask, nodeId: string): Promise<Map<string, number>> {
  const said = await ask(nodeId, { $case: 'memoryUse', value: {} }, withinMs);
  const { tasks } = MemoryUse.fromPartial(said as object);
  return new Map(tasks.map(({ taskId, bytes }) => [taskId, bytes]));
}
