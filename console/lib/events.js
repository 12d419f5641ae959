// An execution's events as they happen. EventSource can send no token, so the stream is read with fetch; it is taken up
// where it broke off, by the last event's id, until the event that ends the execution.
import { Problem, send } from "./api.js";

const LAST = ["execution_completed", "execution_failed", "execution_cancelled"];
const LONGEST = 15_000;

/**
 * @param {string} path of the stream
 * @param {{event: (event: any) => void, state: (on: boolean) => void}} told
 * @returns {() => void} stops it
 */
export function follow(path, told) {
  const stop = new AbortController();
  run(path, told, stop.signal).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  return () => stop.abort();
}

/**
 * @param {string} path
 * @param {{event: (event: any) => void, state: (on: boolean) => void}} told
 * @param {AbortSignal} signal
 */
async function run(path, told, signal) {
  let last = "",
    failures = 0;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const response = await send("GET", path, { headers, signal });
      told.state(true);
      for await (const event of parsed(/** @type {ReadableStream<Uint8Array>} */ (response.body))) {
        failures = 0;
        last = event.id || last;
        told.event(event.data);
        if (LAST.includes(event.data.type)) {
          told.state(false);
          return;
        }
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status < 500 && error.status !== 429)) {
        told.state(false);
        return;
      }
    }
    told.state(false);
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** (failures - 1), LONGEST)));
  }
}

/** Server-sent events (WHATWG HTML, section 9.2.6). @param {ReadableStream<Uint8Array>} body */
async function* parsed(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      let id = "",
        data = "";
      for (const line of block.split(/\r?\n/)) {
        if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trim();
      }
      if (data) yield { id, data: JSON.parse(data) };
    }
  }
}
