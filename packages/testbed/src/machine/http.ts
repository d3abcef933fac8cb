import { type Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestbedError } from './say.ts';

export interface UntilOptions {
  timeoutMs: number;
  everyMs?: number;
}

/**
 * Calls `look` until it returns something truthy, and returns that. An error of `look` means "not yet". On a timeout the error
 * says what `look` reported last through `seen`, and its last error.
 */
export async function until<T>(
  what: string,
  look: (seen: (state: unknown) => void) => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs, everyMs = 100 }: UntilOptions,
): Promise<T> {
  const from = performance.now();
  let last = 'nothing seen';
  const seen = (state: unknown) => {
    last = typeof state === 'string' ? state : JSON.stringify(state);
  };
  for (;;) {
    const limit = new AbortController();
    try {
      const left = Math.max(timeoutMs - (performance.now() - from), 0);
      const late = sleep(left, undefined, { signal: limit.signal }).catch(() => undefined);
      const result = await Promise.race([look(seen), late]);
      if (result) return result;
    } catch (error) {
      last = `error: ${(error as Error).message}`;
    } finally {
      limit.abort();
    }
    if (performance.now() - from >= timeoutMs) {
      throw new TestbedError(`Waited ${timeoutMs / 1000} s in vain until ${what}. Last seen: ${last}`);
    }
    await sleep(everyMs);
  }
}

export interface HttpAnswer {
  status: number;
  body: string;
  ms: number;
}

export interface HttpOptions {
  method?: string;
  timeoutMs?: number;
  body?: string;
  /** Reuses connections; by default each request makes its own, as independent clients do. */
  agent?: Agent;
}

/** One HTTP request, bounded as a whole (connecting, waiting and reading). */
export function http(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { method = 'GET', timeoutMs = 5000, body, agent } = options;
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: agent ?? false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, body: text, ms: performance.now() - from });
      });
      response.on('error', fail);
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    sent.on('error', fail);
    if (body !== undefined) sent.setHeader('content-type', 'application/json');
    sent.end(body);
  });
}

/** The JSON that a URL answers with status 200. */
export async function httpJson<T>(url: string, options?: HttpOptions): Promise<T> {
  const answer = await http(url, options);
  if (answer.status !== 200)
    throw new Error(`${url} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  return JSON.parse(answer.body) as T;
}
