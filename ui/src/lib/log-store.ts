/* The text of a log as it grows: fetched by range, kept as lines. */
import { request } from './api';
import { settle } from './ansi';

const CHUNK = 1 << 20;
const FIRST = 4 << 20; /* of a longer log the end is shown first */

export class LogStore {
  lines: string[] = [];
  start = 0; /* the first byte that is here */
  end = 0; /* the byte after the last that is here */
  private rest = ''; /* the unfinished last line */
  private view: string[] | null = null; /* what `all` gave, until there is more */
  private decoder = new TextDecoder();
  private busy = false;
  private again = false;
  private opened = false;

  constructor(private readonly url: string, private readonly known: number, private readonly changed: () => void, private readonly failed: (e: Error) => void) {}

  /* Lines, with the unfinished one. */
  get all(): string[] {
    this.view ??= this.rest ? [...this.lines, settle(this.rest)] : [...this.lines];
    return this.view;
  }

  /* Reads what is new; calls while it reads are kept. */
  async more(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.again = false;
        if (!this.opened) await this.open();
        while (await this.chunk());
      } while (this.again);
    } catch (e) {
      this.failed(e as Error);
    }
    this.busy = false;
  }

  /* A short log whole; of a long one (`known` bytes, as far as the record says) the end. */
  private async open(): Promise<void> {
    this.opened = true;
    const response = await request(this.url, this.known > FIRST ? { headers: { Range: `bytes=-${FIRST}` } } : undefined);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const size = Number(/\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? bytes.length);
    this.start = this.end = size - bytes.length;
    this.add(bytes);
  }

  /* One byte that is here already is asked for again, so that the range always has something in it. */
  private async chunk(): Promise<boolean> {
    const from = this.end - 1;
    const response = await request(this.url, this.end > 0 ? { headers: { Range: `bytes=${from}-${from + CHUNK}` } } : undefined);
    const whole = response.status !== 206;
    const bytes = new Uint8Array(await response.arrayBuffer()).subarray(whole ? this.end : 1);
    if (bytes.length) this.add(bytes);
    return !whole && bytes.length === CHUNK;
  }

  private add(bytes: Uint8Array): void {
    this.end += bytes.length;
    const parts = (this.rest + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.rest = parts.pop() ?? '';
    for (const p of parts) this.lines.push(settle(p).replaceAll('\t', '        '));
    this.view = null;
    this.changed();
  }

  /* The part before what is here. */
  async earlier(): Promise<void> {
    const from = Math.max(0, this.start - FIRST);
    const response = await request(this.url, { headers: { Range: `bytes=${from}-${this.start - 1}` } });
    const text = new TextDecoder().decode(await response.arrayBuffer());
    const parts = text.split('\n');
    const cut = parts.pop() ?? '';
    if (this.lines.length) this.lines[0] = settle(cut + this.lines[0]);
    this.lines = [...parts.map(settle), ...this.lines];
    this.start = from;
    this.view = null;
    this.changed();
  }
}
