/** Shoal's own version, as `docker version` shows it. */
export const version = '0.1.0';
