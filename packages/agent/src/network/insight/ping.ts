import { CommandError, run } from '../kernel/index.ts';

export interface Ping {
  readonly address: string;
  /** Carried by the requests, so that the other host can tell that they reached it. 1 … 65,535. */
  readonly id: number;
  /** Bytes of the IP packet, which may not be cut into pieces on its way; 0: a small one. */
  readonly size: number;
}

export interface Echo {
  readonly answered: boolean;
  /** Why it could not be tried. */
  readonly trouble: string;
}

/** IPv4 and ICMP headers. */
const headers = 28;
const everySeconds = 0.3;
const patienceSeconds = 2;

/** Asks until one answer comes, for two seconds at most. Never rejects. */
export async function ping({ address, id, size }: Ping): Promise<Echo> {
  const full = size > 0 ? ['-M', 'do', '-s', String(size - headers)] : [];
  const times = ['-c', '1', '-i', String(everySeconds), '-w', String(patienceSeconds)];
  try {
    await run('ping', ['-n', '-q', ...times, '-e', String(id), ...full, address], { timeoutMs: 5_000 });
    return { answered: true, trouble: '' };
  } catch (error) {
    return { answered: false, trouble: troubleOf(error) };
  }
}

/** Empty when nothing came back: the tool ends with 1 then, and says nothing that matters. */
function troubleOf(error: unknown): string {
  if (!(error instanceof CommandError)) return String(error);
  if (error.message.includes('failed with 1:')) return '';
  if (error.stderr.includes('ENOENT')) return 'ping is not installed (Debian package iputils-ping)';
  if (/invalid option/.test(error.stderr)) return 'ping is too old: iputils 20210722 or later is needed';
  return error.message;
}
