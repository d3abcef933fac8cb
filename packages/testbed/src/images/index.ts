export { buildAnsibleImage } from './ansible.ts';
export { baseImage } from './base-image.ts';
export { buildDockerPyImage } from './docker-py.ts';
export { buildBenchImage, buildExampleImages, pushImages } from './examples.ts';
export {
  buildHostImages,
  HOST_IMAGE,
  type HostInit,
  hostImage,
  type PlainHost,
  plainHostImage,
  SUITES,
  type Suite,
} from './hosts.ts';
export { layerTags, ownImages, pruneImages, removeImage } from './layers.ts';
export { buildShoalImage } from './release.ts';
