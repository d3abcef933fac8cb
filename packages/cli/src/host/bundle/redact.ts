const hidden = '[taken out]';

/** Join tokens, API tokens, keys, unlock keys, and what looks like a password in the words of a log. */
const secrets: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\b(?:SHOAL|SWMTKN)-\d+-[\w.-]+/g,
  /\bSWMKEY-\d+-[\w+/]+/g,
  /\bshoal_[\w-]{16,}/g,
  /(?<=\b(?:authorization|x-registry-auth|cookie)["']?\s*[:=]\s*["']?)(?:(?:bearer|basic)\s+)?[^\s"',}]+/gi,
  /(?<=\b[\w-]*(?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)[^\s"',}]{4,}/gi,
  // User and password of an address.
  /(?<=\b[a-z][\w+.-]*:\/\/)[^\s/@:]*:[^\s/@]+(?=@)/gi,
];

/** Text for others' eyes. */
export const redact = (text: string): string =>
  secrets.reduce((rest, secret) => rest.replace(secret, hidden), text);

/** Fields whose values people choose, and may be anything: only how many there are, and their names, are told. */
const values = new Set([
  'Env',
  'Args',
  'Command',
  'Cmd',
  'Entrypoint',
  'JoinTokens',
  'Data',
  'Options',
  'DriverConfig',
]);

/** An object of the API, without what may be a secret. */
export function redactObject(value: unknown, key = ''): unknown {
  if (key === 'Env' && Array.isArray(value))
    return value.map((each) => `${String(each).split('=')[0]}=${hidden}`);
  if (values.has(key) && value !== null && value !== undefined)
    return Array.isArray(value) ? value.map(() => hidden) : hidden;
  if (Array.isArray(value)) return value.map((each) => redactObject(each));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, redactObject(each, name)]));
  return typeof value === 'string' ? redact(value) : value;
}
