// Which actions steps can use, and what each takes.
import { html } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { to } from "../lib/router.js";
import { Action, Card, Failure, Json, Loaded, Table, useLoaded, usePages } from "../ui/parts.js";

const COLUMNS = [
  { title: "Module", cell: (row) => html`<a href=${to(["modules", row.name])}>${row.name}</a>` },
  { title: "About", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  { title: "Actions", cell: (row) => html`<span>${row.actions.map((one) => one.name).join(", ")}</span>` },
  { title: "Whose", cell: (row) => html`<span class="tag">${row.built_in ? "built in" : "the tenant's"}</span>` },
];
const PARAMETERS = [
  { title: "Parameter", cell: (row) => html`<span><code>${row.name}</code>${row.required ? " (required)" : ""}</span>` },
  { title: "Type", cell: (row) => html`<span class="mono">${types(row).join(" or ") || "any"}</span>` },
  { title: "Is", cell: (row) => html`<span>${row.description ?? ""}</span>` },
  { title: "By default", cell: (row) => html`<span class="mono">${row.default === undefined ? "–" : JSON.stringify(row.default)}</span>` },
];

export function Modules() {
  const pages = usePages((cursor) => get("/modules", { cursor, limit: 50 }), []);
  return html`<div class="stack"><h1>Modules</h1><${Failure} error=${pages.error} />
    <${Card} title="By name" flush><${Table} label="Modules" columns=${COLUMNS} rows=${pages.items} empty=${html`<p>${pages.loading ? "Loading…" : "No modules."}</p>`} /><//>
    ${pages.next ? html`<${Action} label="Show more" run=${pages.loadMore} />` : null}</div>`;
}

export function ModulePage({ place }) {
  const state = useLoaded(() => get(`/modules/${part(place.path[1])}`), []);
  return html`<${Loaded} of=${state}>${(module) => html`<div class="stack"><div><h1>${module.name}</h1><p class="muted">${module.description}</p></div>
    ${module.actions.map((action) => html`<${Card} key=${action.name} id="action-${action.name}" title=${action.name} aside=${html`<span class="tag">${action.side_effect}</span>`} flush>
      <div class="body"><p>${action.description}</p></div>
      <${Table} label="Parameters of ${action.name}" columns=${PARAMETERS} rows=${rows(action.parameters)} empty=${html`<p>It takes no parameters.</p>`} />
      ${action.examples?.length ? html`<div class="body"><h3>Example</h3><${Json} label="Example of ${action.name}" value=${action.examples[0]} /></div>` : null}<//>`)}</div>`}<//>`;
}

const types = (/** @type {any} */ schema) => (schema.anyOf ? schema.anyOf.flatMap(types) : [schema.type ?? (schema.enum ? "choice" : [])].flat());
const rows = (/** @type {any} */ schema) => Object.entries(schema?.properties ?? {}).map(([name, one]) => ({ ...one, name, required: schema.required?.includes(name) }));
