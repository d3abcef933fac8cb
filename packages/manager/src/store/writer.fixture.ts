/** Writes numbered transactions for ever and prints each number once it is acknowledged. Ended by a kill. */
import { writeSync } from 'node:fs';
import { aTask } from '../testing.ts';
import { sqliteBackend } from './backends/sqlite.ts';
import { TestStore } from './testing.ts';

const store = await TestStore.open(await sqliteBackend(process.argv[2] ?? ''), Date.now);
for (;;) {
  await store.update((tx) => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      const task = tx.tasks.get(id);
      if (task) tx.tasks.update({ ...task, Slot: tx.revision });
      else tx.tasks.create(aTask(id, { Slot: tx.revision }));
    }
  });
  writeSync(1, `${store.revision}\n`);
}
