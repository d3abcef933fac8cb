import { invalid } from '../http/index.ts';

// The grammar of distribution/reference: [domain[:port]/]path[/path…][:tag][@digest].
const domainPart = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)';
const domain = `(?:${domainPart}(?:\\.${domainPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathPart = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const tag = '\\w[\\w.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^(?:${domain}/)?${pathPart}(?:/${pathPart})*(?::${tag})?(?:@${digest})?$`);
const longestReference = 700;

/** Whether an image can be named so. 64 hex digits are an image's id, which means nothing on another host. */
export const isReference = (image: string): boolean =>
  image.length <= longestReference && reference.test(image) && !/^[a-f0-9]{64}$/.test(image);

/** Throws 400 in Swarm's words. */
export function checkImage(image: string | null | undefined): void {
  const path = 'TaskTemplate.ContainerSpec.Image';
  if (!image) throw invalid('ContainerSpec: image reference must be provided', path);
  if (!isReference(image)) {
    throw invalid(`ContainerSpec: "${image}" is not a valid repository/tag`, path, 'such as nginx:1.25');
  }
}
