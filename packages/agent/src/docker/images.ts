import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { quickMs, within } from './deadlines.ts';
import { messageOf, statusCodeOf } from './errors.ts';
import { jsonLines } from './json-lines.ts';
import { Pulls } from './pulls.ts';
import { isImageId, parseReference } from './reference.ts';

/** A pull that says nothing for so long is given up, and so is one that takes longer than an hour. */
const silentPullMs = 120_000;
const longestPullMs = 3_600_000;

export interface ImagesOptions {
  readonly docker: Docker;
  /** The same daemon, for the calls that dockerode can't abort: gives up by itself when the daemon says nothing. */
  readonly quick: Docker;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called after an image was pulled. */
  readonly onPulled: () => void;
}

/** The images of this host's Docker daemon. */
export class Images {
  readonly #docker: Docker;
  readonly #quick: Docker;
  readonly #onPulled: () => void;
  readonly #pulls: Pulls;

  constructor({ docker, quick, clock, onPulled }: ImagesOptions) {
    this.#docker = docker;
    this.#quick = quick;
    this.#onPulled = onPulled;
    this.#pulls = new Pulls((image, auth) => this.#pullNow(image, auth), clock);
  }

  /** Resolves with why it failed, in words; empty when the image is here. */
  pull(image: string, auth: string, signal: AbortSignal): Promise<string> {
    return this.#pulls.pull(image, auth, signal);
  }

  /** References of the images here, newest image first. */
  async list(): Promise<string[]> {
    const images = await this.#docker.listImages(within(quickMs));
    return images
      .sort((a, b) => b.Created - a.Created)
      .flatMap(({ RepoTags, RepoDigests }) => [...(RepoTags ?? []), ...(RepoDigests ?? [])])
      .filter((reference) => !reference.includes('<none>'));
  }

  /** What an image's registry says about it, with this daemon's settings. */
  distribution(image: string, auth: string): Promise<unknown> {
    return this.#quick.getImage(image).distribution(auth ? { authconfig: credentials(auth) } : {});
  }

  async #pullNow(image: string, auth: string): Promise<string> {
    if (isImageId(image)) return '';
    const { name, version, digest } = parseReference(image);
    try {
      if (digest && (await this.#isHere(`${name}@${version}`))) return '';
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(longestPullMs)]);
      const silence = setTimeout(() => stop.abort(new Error('the registry stopped answering')), silentPullMs);
      try {
        const failure = await this.#followPull({
          name,
          version,
          auth,
          signal,
          onSign: () => silence.refresh(),
        });
        if (!failure) this.#onPulled();
        return failure;
      } finally {
        clearTimeout(silence);
      }
    } catch (error) {
      return messageOf(error);
    }
  }

  async #followPull(pull: {
    name: string;
    version: string;
    auth: string;
    signal: AbortSignal;
    onSign: () => void;
  }): Promise<string> {
    const options = { fromImage: pull.name, tag: pull.version, abortSignal: pull.signal };
    const stream = pull.auth
      ? await this.#docker.createImage(credentials(pull.auth), options)
      : await this.#docker.createImage(options);
    let failure = '';
    for await (const { error } of jsonLines(stream as Readable)) {
      pull.onSign();
      if (typeof error === 'string') failure = error;
    }
    return failure;
  }

  async #isHere(image: string): Promise<boolean> {
    try {
      await this.#quick.getImage(image).inspect();
      return true;
    } catch (error) {
      if (statusCodeOf(error) === 404) return false;
      throw error;
    }
  }
}

/** The header is base64 already, as the client sent it; docker-modem passes it on. */
const credentials = (auth: string) => ({ base64: auth });
