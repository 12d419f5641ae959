// Writing an intent: what is wrong is said while one types, with the line, and the graph is drawn beside it.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { ask, get, part, post, send } from "../lib/api.js";
import { lineOf, sketch } from "../lib/drafts.js";
import { go, to } from "../lib/router.js";
import { Graph } from "../ui/graph.js";
import { Card, Failure, Field, Loaded, useLoaded } from "../ui/parts.js";

const PAUSE = 350;
/** Milliseconds without a key after which what is written is looked at. */
const FIRST = { parameters: { type: "object", properties: { tag: { type: "string", default: "1.0" } } }, steps: [{ id: "check", action: "assert", condition: "parameters.tag != ''" }, { id: "ask", action: "approval", message: "Release ${{ parameters.tag }}?", depends_on: ["check"] }] };

export function Editor({ name }) {
  const stored = useLoaded(async () => {
    if (name === "new") return { etag: null, intent: { name: "", description: "", labels: {}, definition: FIRST } };
    const response = await send("GET", `/intents/${part(name)}`);
    return { etag: response.headers.get("ETag"), intent: await response.json() };
  }, [name]);
  return html`<${Loaded} of=${stored}>${({ intent, etag }) => html`<${Form} key=${etag} intent=${intent} etag=${etag} />`}<//>`;
}

/** What the text is: a definition, or why it is none. @param {string} text */
function read(text) {
  try { return { definition: JSON.parse(text), error: null }; } catch (error) { return { definition: null, error: error.message }; }
}

function Form({ intent, etag }) {
  const fresh = etag === null;
  const [name, setName] = useState(intent.name);
  const [description, setDescription] = useState(intent.description);
  const [message, setMessage] = useState("");
  const [text, setText] = useState(JSON.stringify(intent.definition, null, 2));
  const [error, setError] = useState(/** @type {any} */ (null));
  const parsed = useMemo(() => read(text), [text]);
  const report = useReport(parsed.definition, name, description);
  const save = async (event) => {
    event.preventDefault();
    try {
      const body = { definition: parsed.definition, description };
      const made = fresh
        ? await post("/intents", { name, ...body })
        : await ask("PUT", `/intents/${part(intent.name)}`, { body: { ...body, ...(message ? { message } : {}) }, headers: { "If-Match": etag } });
      go(to(["intents", made.name]));
    } catch (problem) { setError(problem); }
  };
  const drawn = useMemo(() => (Array.isArray(parsed.definition?.steps) ? sketch(parsed.definition) : null), [parsed.definition]);
  return html`<form class="stack" onSubmit=${save}>
    <div class="page-head"><h1>${fresh ? "New intent" : `Edit ${intent.name}`}</h1><div class="actions"><a class="button quiet" href=${fresh ? to(["intents"]) : to(["intents", intent.name])}>Leave it</a><button class="button primary" disabled=${parsed.definition === null || report?.valid === false}>${fresh ? "Create" : "Save as a new version"}</button></div></div>
    <${Failure} error=${error} title="It was not saved" />
    <div class="columns">
      ${fresh ? html`<${Field} id="name" label="Name" hint="Small letters, digits and hyphens"><input id="name" class="input" required maxlength="63" value=${name} onInput=${(event) => setName(event.target.value)} /><//>` : html`<${Field} id="message" label="What this version is about (optional)"><input id="message" class="input" maxlength="500" value=${message} onInput=${(event) => setMessage(event.target.value)} /><//>`}
      <${Field} id="description" label="What it is for"><input id="description" class="input" value=${description} onInput=${(event) => setDescription(event.target.value)} /><//>
    </div>
    <div class="editing">
      <${Card} title="Definition" flush aside=${html`<${Verdict} parsed=${parsed} report=${report} />`}><${Code} text=${text} change=${setText} /><${Findings} text=${text} parsed=${parsed} report=${report} /><//>
      <${Card} title="Preview" flush>${drawn ? html`<${Graph} nodes=${drawn.nodes} levels=${drawn.levels} />` : html`<div class="body"><p class="muted">There are no steps to draw.</p></div>`}<//>
    </div></form>`;
}

/** What the platform says of it, soon after the last key. @returns {any} */
function useReport(/** @type {any} */ definition, /** @type {string} */ name, /** @type {string} */ description) {
  const [report, set] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (definition === null) { set(null); return undefined; }
    let current = true;
    const timer = setTimeout(() => post("/intents/validate", { definition, ...(name ? { name } : {}), ...(description ? { description } : {}) }).then(
      (answer) => { if (current) set(answer); },
      (problem) => { if (current) set({ valid: false, errors: problem.errors?.length ? problem.errors : [{ pointer: "", message: problem.message }], warnings: [] }); },
    ), PAUSE);
    return () => { current = false; clearTimeout(timer); };
  }, [definition, name, description]);
  return report;
}

function Verdict({ parsed, report }) {
  const says = parsed.error ? ["bad", "not JSON yet"] : report === null ? ["idle", "looking…"] : report.valid ? ["ok", "valid"] : ["bad", `${report.errors.length} to mend`];
  return html`<span class="status" data-tone=${says[0]} role="status">${says[1]}</span>`;
}

function Findings({ text, parsed, report }) {
  if (parsed.error) return html`<p class="findings" data-tone="bad">${parsed.error}</p>`;
  const found = [...(report?.errors ?? []).map((one) => ["bad", one]), ...(report?.warnings ?? []).map((one) => ["warn", one])];
  if (!found.length) return null;
  return html`<ul class="findings">${found.map(([kind, one]) => html`<li data-tone=${kind}><b>${one.pointer.startsWith("/definition") ? `Line ${lineOf(text, one.pointer.slice("/definition".length))}` : one.pointer.slice(1) || "All of it"}</b> ${one.message}</li>`)}</ul>`;
}

/** A text with numbers at its lines. Tab indents; Escape, then Tab, leaves, as it does everywhere. */
function Code({ text, change }) {
  const numbers = useRef(/** @type {any} */ (null));
  const leaving = useRef(false);
  const pressed = (event) => {
    if (event.key === "Tab" && !event.shiftKey && !leaving.current) {
      event.preventDefault();
      event.target.setRangeText("  ", event.target.selectionStart, event.target.selectionEnd, "end");
      change(event.target.value);
    }
    leaving.current = event.key === "Escape";
  };
  return html`<div class="code"><pre ref=${numbers} aria-hidden="true">${text.split("\n").map((_, at) => at + 1).join("\n")}</pre>
    <textarea aria-label="Definition, as JSON. Tab indents; Escape and then Tab leaves." spellcheck="false" autocomplete="off" wrap="off" rows="22" value=${text} onInput=${(event) => change(event.target.value)} onKeyDown=${pressed} onScroll=${(event) => { numbers.current.scrollTop = event.target.scrollTop; }} /></div>`;
}
