export { BASE_IMAGE, ensureBaseImage } from './base-image.ts';
export {
  buildBenchImage,
  buildExampleImages,
  buildHostImage,
  buildNewerHostImage,
  buildShoalImage,
  buildSystemdHostImage,
  HOST_IMAGE,
  hostImage,
  layerTags,
  NEWER_SUITES,
  ownImages,
  pruneImages,
  pushImages,
  removeImage,
} from './images.ts';
