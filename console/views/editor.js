// Writing an intent: what is wrong is said while one types, where it stands, and the graph is drawn beside it.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { ask, get, part, post, send } from "../lib/api.js";
import { tailored } from "../lib/completing.js";
import { EXAMPLES } from "../lib/examples.js";
import { lineAt, placeOf, read, sketch } from "../lib/drafts.js";
import { go, to } from "../lib/router.js";
import { Code } from "../ui/code.js";
import { Graph } from "../ui/graph.js";
import { Card, Failure, Field, Loaded, useLoaded } from "../ui/parts.js";

/** Milliseconds without a key after which what is written is looked at. */
const PAUSE = 350;
const EMPTY = { ...EXAMPLES[0], name: "", description: "" };

/** @param {{name: string, from?: string|null}} props `from`: the example that a new one begins with */
export function Editor({ name, from = null }) {
  const stored = useLoaded(async () => {
    if (name === "new") return { etag: null, intent: EXAMPLES.find((one) => one.name === from) ?? EMPTY };
    const response = await send("GET", `/intents/${part(name)}`);
    return { etag: response.headers.get("ETag"), intent: await response.json() };
  }, [name]);
  return html`<${Loaded} of=${stored}>
    ${({ intent, etag }) => html`<${Form} key=${etag} intent=${intent} etag=${etag} />`}
  <//>`;
}

/** @param {{intent: any, etag: string|null}} props without an etag, it is a new one */
function Form({ intent, etag }) {
  const fresh = etag === null;
  const [name, setName] = useState(intent.name);
  const [description, setDescription] = useState(intent.description);
  const [message, setMessage] = useState("");
  const [text, setText] = useState(JSON.stringify(intent.definition, null, 2));
  const [error, setError] = useState(/** @type {any} */ (null));
  const draft = useMemo(() => read(text), [text]);
  const looked = useReport(draft, name, description);
  const save = async (event) => {
    event.preventDefault();
    const body = { definition: draft.value, description };
    const told = { body: { ...body, ...(message ? { message } : {}) }, headers: { "If-Match": etag } };
    try {
      const made = fresh
        ? await post("/intents", { name, ...body })
        : await ask("PUT", `/intents/${part(intent.name)}`, told);
      go(to(["intents", made.name]));
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<form class="stack" onSubmit=${save}>
    <div class="page-head">
      <h1>${fresh ? "New intent" : `Edit ${intent.name}`}</h1>
      <div class="actions">
        <a class="button quiet" href=${to(fresh ? ["intents"] : ["intents", intent.name])}>Leave it</a>
        <button class="button primary" disabled=${draft.wrong !== null || looked.report?.valid === false}>
          ${fresh ? "Create" : "Save as a new version"}
        </button>
      </div>
    </div>
    <${Failure} error=${error} title="It was not saved" />
    <div class="columns">
      ${
        fresh
          ? html`<${Text} id="name" label="Name" hint="Small letters, digits and hyphens" value=${name}
            change=${setName} most="63" required />`
          : html`<${Text} id="message" label="What this version is about (optional)" value=${message}
            change=${setMessage} most="500" />`
      }
      <${Text} id="description" label="What it is for" value=${description} change=${setDescription} />
    </div>
    <${Writing} text=${text} change=${setText} draft=${draft} looked=${looked} />
  </form>`;
}

function Text({ id, label, hint = "", value, change, most = undefined, required = false }) {
  return html`<${Field} id=${id} label=${label} hint=${hint}>
    <input id=${id} class="input" required=${required} maxlength=${most} value=${value}
      aria-describedby=${hint ? `${id}-hint` : undefined}
      onInput=${(event) => change(event.target.value)} />
  <//>`;
}

/** The text, what is found in it, and its graph. */
function Writing({ text, change, draft, looked }) {
  const handle = useRef(/** @type {any} */ (null));
  const known = useKnown();
  const findings = useMemo(() => found(text, draft, looked.report), [text, draft, looked.report]);
  const drawn = useMemo(() => (Array.isArray(draft.value?.steps) ? sketch(draft.value) : null), [draft]);
  const format = () => handle.current?.replace(JSON.stringify(draft.value, null, 2));
  const aside = html`<div class="actions">
    <${Verdict} draft=${draft} looked=${looked} />
    <button type="button" class="button quiet small" disabled=${draft.wrong !== null} onClick=${format}>Format</button>
  </div>`;
  return html`<div class="editing">
    <${Card} title="Definition" flush aside=${aside}>
      <${Code} text=${text} change=${change} findings=${findings} known=${known} handle=${handle} />
      <${Findings} text=${text} findings=${findings} show=${(at) => handle.current?.show(at)} />
      <p class="keys small muted">
        <kbd>Ctrl</kbd>+<kbd>Space</kbd> offers what fits, <kbd>F8</kbd> goes to the next finding,
        ${" "}<kbd>Ctrl</kbd>+<kbd>F</kbd> searches, <kbd>Tab</kbd> indents; <kbd>Esc</kbd> and then
        ${" "}<kbd>Tab</kbd> leaves.
      </p>
    <//>
    <${Card} title="Preview" flush>
      ${
        drawn
          ? html`<${Graph} nodes=${drawn.nodes} levels=${drawn.levels} />`
          : html`<div class="body"><p class="muted">There are no steps to draw.</p></div>`
      }
    <//>
  </div>`;
}

/** What can be written, for completing it; null until it is there, or if it may not be read. */
function useKnown() {
  const loaded = useLoaded(async () => {
    const [schema, modules] = await Promise.all([
      get("/schemas/intent.json"),
      get("/modules", { limit: 200 }).catch(() => ({ items: [] })),
    ]);
    return { schema: tailored(schema, modules.items), actions: modules.items.flatMap((one) => one.actions) };
  }, []);
  return loaded.value;
}

/** What the platform says of a draft, soon after the last key; `current`: of this draft, and of none before it. */
function useReport(/** @type {any} */ draft, /** @type {string} */ name, /** @type {string} */ description) {
  const [told, set] = useState(/** @type {{report: any, of: any}} */ ({ report: null, of: null }));
  useEffect(() => {
    if (draft.wrong) return undefined;
    let current = true;
    const body = { definition: draft.value, ...(name ? { name } : {}), ...(description ? { description } : {}) };
    const look = () =>
      post("/intents/validate", body)
        .catch(refusal)
        .then((report) => current && set({ report, of: draft }));
    const timer = setTimeout(look, PAUSE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [draft, name, description]);
  return { report: told.report, current: told.of === draft };
}

/** What cannot be looked at, as a report. @param {import("../lib/api.js").Problem} problem */
function refusal(problem) {
  const errors = problem.errors?.length ? problem.errors : [{ pointer: "", message: problem.message }];
  return { valid: false, errors, warnings: [] };
}

const INSIDE = "/definition";

/** Every finding with its place in the text; those that are about something else are at its beginning. */
function found(/** @type {string} */ text, /** @type {any} */ draft, /** @type {any} */ report) {
  if (draft.wrong) {
    const { at, message } = draft.wrong;
    return [
      {
        from: at,
        to: Math.min(text.length, at + 1),
        severity: "error",
        message: `Not JSON yet: ${message}`,
        about: "",
      },
    ];
  }
  const placed = (/** @type {string} */ severity) => (/** @type {any} */ one) => {
    const inside = one.pointer.startsWith(INSIDE);
    const place = inside ? placeOf(text, one.pointer.slice(INSIDE.length)) : { from: 0, to: 0 };
    const about = inside ? "" : one.pointer.slice(1) || "All of it";
    return { ...firstLine(text, place), severity, message: one.message, about };
  };
  return [...(report?.errors ?? []).map(placed("error")), ...(report?.warnings ?? []).map(placed("warning"))];
}

function Verdict({ draft, looked }) {
  const [tone, words] = verdict(draft, looked);
  return html`<span class="status" data-tone=${tone} role="status">${words}</span>`;
}

/** Of a place, what is on its first line: a mark below all of an object says nothing. */
function firstLine(/** @type {string} */ text, /** @type {{from: number, to: number}} */ { from, to }) {
  const end = text.indexOf("\n", from);
  return { from, to: end < 0 ? to : Math.min(to, end) };
}

function verdict(/** @type {any} */ draft, /** @type {{report: any, current: boolean}} */ { report, current }) {
  if (draft.wrong) return ["bad", "not JSON yet"];
  if (!current) return ["idle", "looking…"];
  return report.valid ? ["ok", "valid"] : ["bad", `${report.errors.length} to mend`];
}

function Findings({ text, findings, show }) {
  if (!findings.length) return null;
  const line = (/** @type {number} */ at) => html`<${Line} line=${lineAt(text, at)} press=${() => show(at)} />`;
  const where = (/** @type {any} */ one) => (one.about ? html`<b>${one.about}</b>` : line(one.from));
  const tone = (/** @type {any} */ one) => (one.severity === "error" ? "bad" : "warn");
  return html`<ul class="findings" aria-label="Findings">
    ${findings.map((one) => html`<li data-tone=${tone(one)}>${where(one)} ${one.message}</li>`)}
  </ul>`;
}

const Line = ({ line, press }) => html`<button type="button" class="link" onClick=${press}>Line ${line}</button>`;
