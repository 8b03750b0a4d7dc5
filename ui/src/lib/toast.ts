/* A short word about what was done, or what went wrong. */
import { signal } from '@preact/signals';

export const toast = signal<string | null>(null);
let timer = 0;

export function say(text: string): void {
  toast.value = text;
  clearTimeout(timer);
  timer = setTimeout(() => (toast.value = null), 4000) as unknown as number;
}

/* Does it, and says where it fails. */
export async function attempt<T>(what: Promise<T>, done?: string): Promise<T | null> {
  try {
    const result = await what;
    if (done) say(done);
    return result;
  } catch (e) {
    say((e as Error).message);
    return null;
  }
}
