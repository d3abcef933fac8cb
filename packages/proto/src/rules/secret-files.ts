/** Where a host has the files of secrets and configs, in memory alone: a folder for each task. */
export const secretFolder = '/run/shoal/secrets';

/** The file at this place of a task's list, as its container's mounts name it. */
export const secretFile = (taskId: string, place: number): string => `${secretFolder}/${taskId}/${place}`;
