export { buildAnsibleImage } from './ansible.ts';
export { baseImage } from './base-image.ts';
export { buildBenchImage, buildExampleImages, pushImages } from './examples.ts';
export {
  buildHostImages,
  buildSystemdHostImage,
  HOST_IMAGE,
  hostImage,
  SUITES,
  type Suite,
} from './hosts.ts';
export { layerTags, ownImages, pruneImages, removeImage } from './layers.ts';
