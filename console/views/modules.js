// Which actions steps can use, and what each takes; the tenant's own modules, and how their endpoints answer.
import { html, useState } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { full } from "../lib/format.js";
import { go, to } from "../lib/router.js";
import { read, remove } from "../lib/stored.js";
import { Once } from "../ui/once.js";
import {
  Action, Asking, Card, Failure, Json, Loaded, Notice, Table, Time, useLoaded, usePages,
} from "../ui/parts.js";
import { BuildContext } from "./build-context.js";
import { ModuleForm } from "./module-form.js";

const COLUMNS = [
  { title: "Module", cell: (row) => html`<a href=${to(["modules", row.name])}>${row.name}</a>` },
  { title: "About", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  { title: "Actions", cell: (row) => html`<span>${row.actions.map(short).join(", ")}</span>` },
  { title: "Whose", cell: (row) => html`<span class="tag">${row.built_in ? "built in" : "the tenant's"}</span>` },
];
const PARAMETERS = [
  { title: "Parameter", cell: (row) => html`<span><code>${row.name}</code>${needed(row)}</span>` },
  { title: "Type", cell: (row) => html`<span class="mono">${types(row).join(" or ") || "any"}</span>` },
  { title: "Is", cell: (row) => html`<span>${row.description ?? "–"}</span>` },
  { title: "By default", cell: (row) => html`<span class="mono">${defaulted(row)}</span>` },
];
const BUILDING = "containers";
/** The module whose actions build images, out of archives that are uploaded. */
const path = (/** @type {string} */ name) => `/modules/${part(name)}`;
/** An action's name within its module. */
const short = (/** @type {any} */ action) => action.name.split("/").pop();
const needed = (/** @type {any} */ row) => (row.required ? " (required)" : "");
const defaulted = (/** @type {any} */ row) => (row.default === undefined ? "–" : JSON.stringify(row.default));

/** @returns {string[]} */
function types(/** @type {any} */ schema) {
  if (schema.anyOf) return schema.anyOf.flatMap(types);
  return [schema.type ?? (schema.enum ? "choice" : [])].flat();
}

function rows(/** @type {any} */ schema) {
  return Object.entries(schema?.properties ?? {})
    .map(([name, one]) => ({ ...one, name, required: schema.required?.includes(name) }));
}

export function Modules({ me }) {
  const pages = usePages((cursor) => get("/modules", { cursor, limit: 50 }), []);
  const empty = html`<p>${pages.loading ? "Loading…" : "No modules."}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Modules</h1>
      ${me.operations.includes("modules.manage")
        ? html`<a class="button primary" href=${to(["modules", "new", "add"])}>Add a module</a>` : null}</div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Modules" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<${Action} label="Show more" run=${pages.loadMore} />` : null}
  </div>`;
}

export function ModulePage({ place, me }) {
  const [, name, what] = place.path;
  const state = useLoaded(async () => (what === "add" ? { value: null, tag: "" } : read(path(name))), [name]);
  if (what && !me.operations.includes("modules.manage")) return html`<h1>You may not change modules</h1>`;
  return html`<${Loaded} of=${state}>${({ value, tag }) => (what
    ? html`<${ModuleForm} key=${tag} module=${value} tag=${tag} reload=${state.reload} />`
    : html`<${Module} module=${value} tag=${tag} me=${me} reload=${state.reload} />`)}<//>`;
}

function Module({ module, tag, me, reload }) {
  const [secret, setSecret] = useState("");
  const manages = me.operations.includes("modules.manage");
  const uploads = module.name === BUILDING && me.operations.includes("contexts.upload");
  return html`<div class="stack">
    <div class="page-head">
      <div><h1>${module.name}</h1><p class="muted">${module.description}</p></div>
      ${manages && !module.built_in
        ? html`<${Steering} module=${module} tag=${tag} reload=${reload} renewed=${setSecret} />` : null}
    </div>
    ${secret ? html`<${Once} title="The new key, shown this once" value=${secret}
      text="For a day, calls are signed with it and with the one before: give it to the module meanwhile." />` : null}
    ${module.built_in ? null : html`<${Endpoint} module=${module} reload=${reload} />`}
    ${uploads ? html`<${BuildContext} />` : null}
    ${module.actions.map((action) => html`<${Described} key=${action.name} action=${action} />`)}
  </div>`;
}

function Described({ action }) {
  return html`<${Card} id="action-${action.name}" title=${action.name} flush
      aside=${html`<span class="tag">${action.side_effect}</span>`}>
    <div class="body"><p>${action.description}</p></div>
    <${Table} label="Parameters of ${action.name}" columns=${PARAMETERS} rows=${rows(action.parameters)}
      empty=${html`<p>It takes no parameters.</p>`} />
    ${action.examples?.length ? html`<div class="body"><h3>Example</h3>
      <${Json} label="Example of ${action.name}" value=${action.examples[0]} /></div>` : null}
  <//>`;
}

/** @type {Record<string, {tone: string, says: string}>} */
const CIRCUITS = {
  closed: { tone: "ok", says: "It is called" },
  "half-open": { tone: "warn", says: "The next call is let through, to try" },
  open: { tone: "bad", says: "It is left alone, for it has failed again and again" },
};

function Endpoint({ module, reload }) {
  const { circuit, key } = module, { tone, says } = CIRCUITS[circuit.state];
  return html`<${Card} title="Endpoint" aside=${html`<${Action} label="Refresh" kind="quiet" run=${reload} />`}>
    <div class="stack">
      <${Notice} tone=${tone} role="status" title=${says}>
        <p>${circuit.failures ? `${circuit.failures} failures in a row` : "No failures"}, as the process that was asked
          has found it${circuit.until ? `; a call is let through at ${full(circuit.until)}` : ""}.</p><//>
      <dl class="facts">
        <dt>Address</dt><dd class="mono">${module.endpoint}</dd>
        <dt>Version</dt><dd>${module.version}</dd>
        <dt>Key</dt><dd>Number ${key.number}${key.previous_until
          ? `; calls are signed with the one before, too, until ${full(key.previous_until)}` : ""}</dd>
        <dt>Changed</dt><dd><${Time} at=${module.updated_at} /> by ${module.updated_by}</dd>
        <dt>Made</dt><dd><${Time} at=${module.created_at} /> by ${module.created_by}</dd>
      </dl>
    </div><//>`;
}

function Steering({ module, tag, reload, renewed }) {
  const { name } = module;
  const renew = async () => {
    const made = await post(`${path(name)}/rotate-key`);
    renewed(made.secret);
    await reload();
  };
  return html`<div class="actions">
    <a class="button" href=${to(["modules", name, "edit"])}>Change</a>
    <${Asking} label="New key" title="Give ${name} another key?" confirm="Make one" run=${renew}
      text="It is shown once. For a day, calls are signed with both." />
    <${Asking} label="Delete" kind="danger" title="Delete ${name}?" confirm="Delete it" done="Deleted."
      text="It stays as long as an active intent names it or an execution may yet run it."
      run=${async () => { await remove(path(name), tag); go(to(["modules"])); }} />
  </div>`;
}
