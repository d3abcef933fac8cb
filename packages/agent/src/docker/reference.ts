/** The parts of an image reference that Docker's pull wants apart. */
export interface Reference {
  /** With the registry, without tag and digest. */
  readonly name: string;
  /** Tag or digest; `latest` when the reference has neither. */
  readonly version: string;
  readonly digest: boolean;
}

/** A digest wins over a tag, as in `name:tag@sha256:…`: the tag is then only a note for people. */
export function parseReference(image: string): Reference {
  const at = image.indexOf('@');
  const tagged = at < 0 ? image : image.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  // `host:5000/name` has a port, not a tag.
  const hasTag = colon > tagged.lastIndexOf('/');
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  if (at >= 0) return { name, version: image.slice(at + 1), digest: true };
  return { name, version: hasTag ? tagged.slice(colon + 1) : 'latest', digest: false };
}

/** An image's id cannot be pulled, only be here. */
export const isImageId = (image: string): boolean => /^sha256:[0-9a-f]{64}$/.test(image);
