export { provideBenchImage } from './bench-image.ts';
export { makeRawNetwork, pinned, rawNetwork, removeRaw, startRaw } from './raw.ts';
export { measurement, report } from './report.ts';
export { evenness, median, quantile } from './stats.ts';
