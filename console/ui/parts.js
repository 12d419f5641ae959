// The components that every view is made of. docs/console.md shows them.
import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { ago, full, tone } from "../lib/format.js";

/** @type {Record<string, string>} */
const SHAPES = {
  ok: "M3 8.5l3.2 3.2L13 5",
  bad: "M4 4l8 8M12 4l-8 8",
  warn: "M8 4v4.5M8 11.8v.2",
  run: "M8 2a6 6 0 1 1-6 6",
  idle: "M4 8h8",
};
/** @type {Record<string, string>} */
const OTHERS = {
  waiting: "M5.5 4v8M10.5 4v8",
  paused: "M5.5 4v8M10.5 4v8",
  pending: "M8 7.9v.2M4 7.9v.2M12 7.9v.2",
  skipped: "M3 4l5 4-5 4M8 4l5 4-5 4",
};

/** A state's sign: never colour alone. */
export function Icon({ status }) {
  const path = OTHERS[status] ?? SHAPES[tone(status)];
  return html`<svg viewBox="0 0 16 16" aria-hidden="true" class=${status === "running" ? "turning" : ""}>
    <path d=${path} fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"
      stroke-linejoin="round" />
  </svg>`;
}

export const Status = ({ status }) =>
  html`<span class="status" data-tone=${tone(status)}><${Icon} status=${status} />${status}</span>`;

export const Time = ({ at }) =>
  at ? html`<time datetime=${at} title=${full(at)}>${ago(at)}</time>` : html`<span>–</span>`;

export const Json = ({ value, label }) =>
  html`<pre class="json" tabindex="0" role="region" aria-label=${label}>${JSON.stringify(value, null, 2)}</pre>`;

export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

export function Notice({ tone: kind = "bad", title, children, role = "alert" }) {
  return html`<div class="notice" data-tone=${kind} role=${role}><strong>${title}</strong>${children}</div>`;
}

/** What went wrong with a request, in the platform's words. */
export function Failure({ error, title = "That did not work" }) {
  if (!error) return null;
  return html`<${Notice} title=${title}>
    <p>${error.message}</p>
    ${
      error.errors?.length
        ? html`<ul>${error.errors.map((one) => html`<li><code>${one.pointer}</code> ${one.message}</li>`)}</ul>`
        : null
    }
    ${error.requestId ? html`<p class="small muted">Request ${error.requestId}</p>` : null}
  <//>`;
}

export function Card({ title, aside, children, flush = false, id }) {
  return html`<section class="card" aria-labelledby=${id ?? slug(title)}>
    <header><h2 id=${id ?? slug(title)}>${title}</h2>${aside}</header>
    ${flush ? children : html`<div class="body">${children}</div>`}
  </section>`;
}
const slug = (/** @type {string} */ title) => `card-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;

/** @param {{label: string, columns: {title: string, cell: (row: any) => any}[], rows: any[], empty: any}} props */
export function Table({ label, columns, rows, empty }) {
  if (!rows.length) return html`<${Empty}>${empty}<//>`;
  const cells = (/** @type {any} */ row) =>
    columns.map((column) => html`<td data-label=${column.title}>${column.cell(row)}</td>`);
  return html`<table class="table">
    <caption class="hidden-label">${label}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col">${column.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody>
  </table>`;
}

/** A way to the rest of a long list, of which the first are shown. */
export function More({ all, count, first, set }) {
  if (all || count <= first) return null;
  return html`<p class="more">
    <button type="button" class="button quiet small" onClick=${() => set(true)}>Show all ${count}</button>
  </p>`;
}

/** Names and what is said of each; of null, nothing is. @param {{facts: [string, any][]}} props */
export function Facts({ facts }) {
  const known = facts.filter(([, value]) => value !== null);
  return html`<dl class="facts">${known.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function Field({ label, hint, wrong, id, children }) {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children}
    ${hint ? html`<span class="hint" id="${id}-hint">${hint}</span>` : null}
    ${wrong ? html`<span class="wrong" id="${id}-wrong">${wrong}</span>` : null}
  </div>`;
}

/**
 * One of several: values with what they are called.
 * @param {{
 *   id: string, label: string, value: string, of: string[][], change: (value: string) => void, any?: string|null,
 * }} props `any`: what none is called; null: one is always chosen
 */
export function Choice({ id, label, value, of, change, any = "Any" }) {
  return html`<${Field} id=${id} label=${label}>
    <select id=${id} class="input" value=${value} onChange=${(event) => change(event.target.value)}>
      ${any === null ? null : html`<option value="" selected=${value === ""}>${any}</option>`}
      ${of.map(([one, words]) => html`<option value=${one} selected=${one === value}>${words}</option>`)}
    </select>
  <//>`;
}

/** A button that says that it works while it does, and is pressed once. */
export function Action({ label, kind = "", run, done = "", disabled = false, about = "" }) {
  const [busy, setBusy] = useState(false);
  const { tell } = useToasts();
  const press = async () => {
    setBusy(true);
    try {
      await run();
      if (done) tell("ok", done);
    } catch (error) {
      tell("bad", error.message);
    } finally {
      setBusy(false);
    }
  };
  const off = busy || disabled;
  return html`<button type="button" class="button ${kind}" disabled=${off} aria-busy=${busy} onClick=${press}>
    ${busy ? `${label}…` : label}${about ? html`<span class="hidden-label"> ${about}</span>` : null}
  </button>`;
}

/** A question before something is done, with room for words. The dialog is the browser's own: it keeps the focus. */
export function Asking({ label, kind = "", title, text, field, confirm, run, done }) {
  const dialog = useRef(/** @type {any} */ (null));
  const [open, setOpen] = useState(false);
  const [words, setWords] = useState("");
  const [error, setError] = useState(null);
  const sent = useRef(false);
  const { tell } = useToasts();
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
  }, [open]);
  // Between a dialog's end and the event that tells it, it can be asked for again.
  const ask = () => (open ? dialog.current.showModal() : setOpen(true));
  const closed = () => {
    if (!dialog.current?.open) setOpen(false);
  };
  const submit = async (event) => {
    event.preventDefault();
    if (sent.current) return;
    sent.current = true;
    try {
      await run(words.trim());
      dialog.current?.close(); // what was done may have taken away the question, and the dialog with it
      setWords("");
      setError(null);
      if (done) tell("ok", done);
    } catch (problem) {
      setError(problem);
    } finally {
      sent.current = false;
    }
  };
  const id = `ask-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  const button = html`<button type="button" class="button ${kind}" onClick=${ask}>${label}</button>`;
  if (!open) return button;
  return html`${button}
    <dialog ref=${dialog} onClose=${closed} aria-labelledby="${id}-title"><form onSubmit=${submit}>
      <h2 id="${id}-title">${title}</h2>
      ${text ? html`<p class="muted">${text}</p>` : null}
      ${field ? html`<${Words} id=${id} label=${field} value=${words} change=${setWords} />` : null}
      <${Failure} error=${error} />
      <div class="actions">
        <button type="button" class="button quiet" onClick=${() => dialog.current.close()}>Not now</button>
        <button class="button ${kind || "primary"}">${confirm}</button>
      </div>
    </form></dialog>`;
}

function Words({ id, label, value, change }) {
  const typed = (event) => change(event.target.value);
  return html`<${Field} id=${id} label=${label}>
    <textarea id=${id} class="input" rows="3" maxlength="500" value=${value} onInput=${typed} />
  <//>`;
}

/**
 * Something that is asked for, and asked for again by `reload`.
 * @param {() => Promise<any>} load
 * @param {any[]} given
 */
export function useLoaded(load, given) {
  const [state, set] = useState({ value: /** @type {any} */ (null), error: /** @type {any} */ (null), loading: true });
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await load();
      if (mine === turn.current) set({ value, error: null, loading: false });
    } catch (error) {
      if (mine === turn.current) set((was) => ({ value: was.value, error, loading: false }));
    }
  }, given);
  useEffect(() => {
    set((was) => ({ ...was, loading: true }));
    reload();
    return () => {
      turn.current += 1;
    };
  }, [reload]);
  return { ...state, reload };
}

/**
 * Pages of a list, one after the other.
 * @param {(cursor: string|null) => Promise<{items: any[], next_cursor: string|null}>} load
 * @param {any[]} given
 */
export function usePages(load, given) {
  const [more, setMore] = useState(/** @type {{items: any[], next: string|null}|null} */ (null));
  const first = useLoaded(async () => {
    setMore(null);
    return load(null);
  }, given);
  const next = more ? more.next : first.value?.next_cursor;
  const items = [...(first.value?.items ?? []), ...(more?.items ?? [])];
  const loadMore = async () => {
    const page = await load(next);
    setMore({ items: [...(more?.items ?? []), ...page.items], next: page.next_cursor });
  };
  return { ...first, items, next, loadMore };
}

export function Loaded({ of, children }) {
  if (of.error && !of.value) return html`<${Failure} error=${of.error} title="This could not be loaded" />`;
  if (!of.value) return html`<${Empty}><span role="status">Loading…</span><//>`;
  return children(of.value);
}

/** A value once it has stayed as it is for a while: what is typed is not asked for with every key. */
export function useSettled(value, milliseconds = 250) {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** How wide an element is, in CSS pixels; 0 until that is known. @param {{current: any}} place */
export function useWidth(place) {
  const [width, set] = useState(0);
  useLayoutEffect(() => {
    const measure = () => set(place.current?.clientWidth ?? 0);
    const watch = new ResizeObserver(measure);
    measure();
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** A `set` of a number each second, for what goes on. */
export function useTick(on) {
  const [, set] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => set((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [on]);
}

/** @type {{tell: (kind: string, text: string) => void}} */
const teller = { tell: () => {} };
export const useToasts = () => teller;

export function Toasts() {
  const [shown, set] = useState(/** @type {{id: number, kind: string, text: string}[]} */ ([]));
  const count = useRef(0);
  teller.tell = (kind, text) => {
    const id = ++count.current;
    set((was) => [...was.slice(-2), { id, kind, text }]);
    setTimeout(() => set((was) => was.filter((one) => one.id !== id)), kind === "bad" ? 12_000 : 5_000);
  };
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(
      (one) => html`<div key=${one.id} class="notice" data-tone=${one.kind}>
      <strong>${one.kind === "bad" ? "That did not work" : "Done"}</strong><p>${one.text}</p>
    </div>`,
    )}
  </div>`;
}
