type Attributes = Readonly<Record<string, string>>;

/** Of an event's attributes, in characters; Docker's own labels are a few hundred. */
const mostCharacters = 16 * 1024;
const mostOfValue = 200;
/** Kept in any case, shortened. */
const essential = /^(name|image|exitCode|signal|com\.docker\.swarm\.(node\.id|(service|task)\.(id|name)))$/;

/**
 * Attributes of a container's event as they are told: with long labels, the essential ones alone. Agents keep to that, as else labels of
 * some hundred KiB would be more than a message may have; the manager does not rely on it.
 */
export function fittingAttributes(attributes: Attributes): Attributes {
  const pairs = Object.entries(attributes);
  const size = pairs.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (size <= mostCharacters) return attributes;
  return Object.fromEntries(
    pairs.filter(([key]) => essential.test(key)).map(([key, value]) => [key, value.slice(0, mostOfValue)]),
  );
}
