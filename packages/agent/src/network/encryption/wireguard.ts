import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wireguardOverhead, wireguardPort } from '@shoal/proto/rules';
import { CommandError, type PresentLink, run } from '../kernel/index.ts';
import {
  hasEncrypted,
  type NetworkState,
  type Peer,
  wireguardAddress,
  wireguardLink,
} from '../state/index.ts';

/**
 * Host-to-host encryption: one WireGuard device, in the kernel or else by `wireguard-go`, over which the VXLAN
 * of encrypted networks runs. Peers are known by key and may come from their one address inside only.
 */
export class WireGuard {
  readonly #keyFile: string;
  /** Of the key in the file. */
  #key: string;
  #publicKey: string;

  /** Keeps this host's private key in that folder, and makes one the first time. */
  constructor(stateDir: string) {
    mkdirSync(stateDir, { recursive: true });
    this.#keyFile = join(stateDir, 'wireguard.key');
    this.#key = readKey(this.#keyFile) ?? newKey(this.#keyFile);
    this.#publicKey = this.#key;
  }

  /** For `Peer.key` of this host on the others: the key in use, not one that only waits to be. */
  get publicKey(): string {
    return this.#publicKey;
  }

  /** When the key was made, ms since the epoch: the time of its file. */
  get madeAt(): number {
    return statSync(this.#keyFile).mtimeMs;
  }

  /** A new key, in use after the next `ensure`. Other hosts reach this one again once they know it. */
  rotate(): void {
    this.#key = newKey(this.#keyFile);
  }

  /** Makes device, key and peers agree with the state; gives what had to be changed, but for a key rotated here. */
  async ensure(state: NetworkState, links: readonly PresentLink[], underlay: number): Promise<string[]> {
    const link = links.find(({ name }) => name === wireguardLink);
    const encrypted = hasEncrypted(state);
    const rotated = this.#key !== this.#publicKey;
    const changes = encrypted ? await this.#ensureDevice(state, link, underlay) : await removeDevice(link);
    this.#publicKey = this.#key;
    return rotated ? [] : changes;
  }

  async #ensureDevice(
    state: NetworkState,
    link: PresentLink | undefined,
    underlay: number,
  ): Promise<string[]> {
    if (!link) await makeDevice();
    const made = link ? [] : [`link add dev ${wireguardLink}`];
    // First: wireguard-go answers when it is ready, and until then gives the device an MTU of its own.
    const present = await this.#read();
    const lines = settingsOf(link, underlay - wireguardOverhead);
    for (const line of lines) await run('ip', line);
    const wanted = this.#wanted(state);
    const changes = diffWireGuard(present, wanted);
    const renewed = renewedKeys(present, wanted);
    if (changes.length > 0) await run('wg', ['set', wireguardLink, ...changes, ...keepalive(renewed, 25)]);
    // It sent something as soon as it was turned on, which is all that it is for.
    if (renewed.length > 0) await run('wg', ['set', wireguardLink, ...keepalive(renewed, 0)]);
    return [
      ...made,
      ...lines.map((line) => line.join(' ')),
      ...(changes.length > 0 ? [`wg set ${wireguardLink} ${changes.join(' ')}`] : []),
    ];
  }

  async #read(): Promise<WireGuardState> {
    return parseDump(await run('wg', ['show', wireguardLink, 'dump']));
  }

  #wanted({ peers }: NetworkState): WireGuardState & { readonly keyFile: string } {
    return {
      keyFile: this.#keyFile,
      publicKey: this.#key,
      port: wireguardPort,
      peers: new Map([...peers.values()].flatMap((peer) => (peer.key ? [[peer.key, placeOf(peer)]] : []))),
    };
  }
}

export interface WireGuardState {
  readonly publicKey: string;
  readonly port: number;
  /** By public key. */
  readonly peers: ReadonlyMap<string, { readonly endpoint: string; readonly inside: string }>;
}

const placeOf = ({ address, number }: Peer) => ({
  endpoint: `${address}:${wireguardPort}`,
  inside: `${wireguardAddress(number)}/32`,
});

/** Arguments of `wg set DEVICE`; none if they agree. */
export function diffWireGuard(
  present: WireGuardState,
  wanted: WireGuardState & { readonly keyFile: string },
): string[] {
  const changes: string[] = [];
  if (present.port !== wanted.port) changes.push('listen-port', String(wanted.port));
  if (present.publicKey !== wanted.publicKey) changes.push('private-key', wanted.keyFile);
  for (const key of present.peers.keys()) if (!wanted.peers.has(key)) changes.push('peer', key, 'remove');
  for (const [key, { endpoint, inside }] of wanted.peers) {
    const known = present.peers.get(key);
    if (known?.inside === inside && known.endpoint === endpoint) continue;
    changes.push('peer', key, 'endpoint', endpoint, 'allowed-ips', inside);
  }
  return changes;
}

/**
 * Keys of hosts that had another one before. The host itself tried to reach us with its new key while we did not know
 * that yet, and tries again only after 5 s: so we begin.
 */
export function renewedKeys(present: WireGuardState, wanted: WireGuardState): string[] {
  const old = [...present.peers].filter(([key]) => !wanted.peers.has(key)).map(([, { inside }]) => inside);
  const renewed = [...wanted.peers].filter(
    ([key, { inside }]) => !present.peers.has(key) && old.includes(inside),
  );
  return renewed.map(([key]) => key);
}

const keepalive = (keys: readonly string[], seconds: number): string[] =>
  keys.flatMap((key) => ['peer', key, 'persistent-keepalive', String(seconds)]);

/** First line: private key, public key, port, mark; then a line per peer: key, preshared, endpoint, allowed, … */
export function parseDump(dump: string): WireGuardState {
  const [[, publicKey = '', port = '0'] = [], ...peers] = dump
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return {
    publicKey,
    port: Number(port),
    peers: new Map(
      peers.map(
        ([key = '', , endpoint = '', inside = '']): [string, { endpoint: string; inside: string }] => [
          key,
          { endpoint, inside },
        ],
      ),
    ),
  };
}

async function removeDevice(link: PresentLink | undefined): Promise<string[]> {
  if (!link) return [];
  await run('ip', ['link', 'del', 'dev', wireguardLink]);
  return [`link del dev ${wireguardLink}`];
}

async function makeDevice(): Promise<void> {
  try {
    await run('ip', ['link', 'add', wireguardLink, 'type', 'wireguard']);
  } catch (inKernel) {
    try {
      // Goes into the background by itself, and outlives this process.
      await run('wireguard-go', [wireguardLink]);
    } catch (inUserSpace) {
      throw new Error(
        `encrypted networks need WireGuard in the kernel or the program wireguard-go: ${messageOf(inKernel)}; ${messageOf(inUserSpace)}`,
      );
    }
  }
}

const messageOf = (error: unknown) => (error instanceof CommandError ? error.message : String(error));

function settingsOf(link: PresentLink | undefined, mtu: number): string[][] {
  return [
    ...(link?.mtu === mtu ? [] : [['link', 'set', 'dev', wireguardLink, 'mtu', String(mtu)]]),
    ...(link?.up ? [] : [['link', 'set', 'dev', wireguardLink, 'up']]),
  ];
}

/** The public key of the private one in a file; undefined if there is no such file. */
function readKey(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  // PKCS#8 of an X25519 key is this and the 32 bytes of the key.
  const head = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const der = Buffer.concat([head, Buffer.from(text, 'base64')]);
  const jwk = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({
    format: 'jwk',
  });
  return base64(jwk.x);
}

function newKey(file: string): string {
  const jwk: JsonWebKey = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  writeFileSync(`${file}.new`, `${base64(jwk.d)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return base64(jwk.x);
}

const base64 = (url = '') => Buffer.from(url, 'base64url').toString('base64');
