export { checkImage, isReference } from './image.ts';
export { refuseUnknownLabels } from './labels.ts';
export { checkName } from './name.ts';
