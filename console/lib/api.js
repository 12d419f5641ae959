// Asking the platform: the token and the tenant with every request, a key with every change, problems as errors.
import { token } from "./auth.js";

const TENANT = "quantum.tenant";

/** What the platform answered, if it did not do what was asked (application/problem+json). */
export class Problem extends Error {
  /** @param {any} body @param {number} status */
  constructor(body, status) {
    super(body?.detail ?? body?.title ?? `The platform answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "";
    /** @type {{pointer: string, message: string, code: string}[]} */
    this.errors = body?.errors ?? [];
    this.requestId = body?.request_id ?? "";
  }
}

export const tenant = {
  get: () => sessionStorage.getItem(TENANT) ?? "",
  set: (/** @type {string} */ id) => sessionStorage.setItem(TENANT, id),
};

let onSignedOut = () => {};
/** @param {() => void} listener is called when the session has ended */
export const whenSignedOut = (listener) => {
  onSignedOut = listener;
};

/**
 * @param {string} method
 * @param {string} path below /api/v1, or a whole path as links have it
 * @param {{
 *   body?: unknown, query?: Record<string, any>, headers?: Record<string, string>, signal?: AbortSignal,
 * }} [options]
 */
export async function send(method, path, options = {}) {
  const url = new URL(path.startsWith("/api/") ? path : `/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(options.query ?? {}))
    if (value !== "" && value != null) url.searchParams.set(name, String(value));
  const headers = { ...options.headers };
  const file = options.body instanceof Blob;
  if (options.body !== undefined && !file) headers["Content-Type"] = "application/json";
  // One key for both tries: what was done by the first is not done again.
  if (method !== "GET" && !headers["Idempotency-Key"]) headers["Idempotency-Key"] = crypto.randomUUID();
  const body = file || options.body === undefined ? /** @type {any} */ (options.body) : JSON.stringify(options.body);
  const init = { method, signal: options.signal, body };
  let response = await fetch(url, { ...init, headers: { ...headers, ...(await credentials()) } });
  if (response.status === 401) {
    if ((await token(true)) !== null)
      response = await fetch(url, { ...init, headers: { ...headers, ...(await credentials()) } });
    if (response.status === 401) onSignedOut();
  }
  if (!response.ok) throw new Problem(await response.json().catch(() => null), response.status);
  return response;
}

/** The same, and what was answered. @returns {Promise<any>} */
export async function ask(/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ options = {}) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const get = (
  /** @type {string} */ path,
  /** @type {Record<string, any>} */ query = {},
  /** @type {any} */ options = {},
) => ask("GET", path, { query, ...options });
export const post = (/** @type {string} */ path, /** @type {any} */ body = undefined) => ask("POST", path, { body });

/** Whether a path's part is safe as it is does not matter: it is made so. */
export const part = encodeURIComponent;

async function credentials() {
  const bearer = await token();
  return {
    ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    ...(tenant.get() ? { "X-Tenant-ID": tenant.get() } : {}),
  };
}
