/* The one place that speaks to the server. */

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

type Query = { [key: string]: string | number | boolean | null | undefined | readonly string[] };

export function query(parts: Query): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) {
    if (Array.isArray(value)) for (const one of value as readonly string[]) q.append(key, one);
    else if (value !== null && value !== undefined && value !== '') q.set(key, String(value));
  }
  const text = q.toString();
  return text ? `?${text}` : '';
}

async function fault(response: Response): Promise<ApiError> {
  const text = await response.text();
  let message = text || response.statusText;
  try {
    const body = JSON.parse(text) as { error?: { message?: string } | string; message?: string; error_message?: string };
    message = (typeof body.error === 'object' && body.error?.message) || body.error_message || body.message || message;
  } catch {
    /* not JSON: the text itself says it */
  }
  return new ApiError(response.status, message);
}

/* Called with each answer of 401: the shell then asks for a token. */
export const onLoginNeeded: { call: (() => void) | null } = { call: null };

export async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new ApiError(0, 'The server does not answer. Is dhow serve running?');
  }
  if (response.status === 401) onLoginNeeded.call?.();
  if (!response.ok) throw await fault(response);
  return response;
}

export async function get<T>(path: string, parts: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await request(path + query(parts), signal ? { signal } : undefined);
  return (await response.json()) as T;
}

export async function send<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  const response = await request(path, init);
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as T;
}

export const post = <T = unknown>(path: string, body?: unknown): Promise<T> => send<T>('POST', path, body);
