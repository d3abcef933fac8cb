const known = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Names of a node's images in one spelling, see `plainReference`. */
export function imageNames(images: readonly string[]): ReadonlySet<string> {
  let names = known.get(images);
  if (!names) {
    names = new Set(images.map(plainReference));
    known.set(images, names);
  }
  return names;
}

/**
 * One spelling of a reference: no default registry, a tag only if there is no digest, `latest` written out.
 * `docker service create` pins `nginx:1` to `nginx:1@sha256:…`; the digest alone says which image it is.
 */
export function plainReference(reference: string): string {
  const name = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  const [tagged = '', digest] = name.split('@');
  const tagAt = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  if (digest !== undefined) return `${tagAt < 0 ? tagged : tagged.slice(0, tagAt)}@${digest}`;
  return tagAt < 0 && !tagged.startsWith('sha256:') ? `${tagged}:latest` : tagged;
}
