// The list of intents, with search.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { replace, to } from "../lib/router.js";
import { Action, Card, Empty, Failure, Field, Status, Table, Time, usePages, useSettled } from "../ui/parts.js";

const COLUMNS = [
  { title: "Name", cell: (row) => html`<a href=${to(["intents", row.name])}>${row.name}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Version", cell: (row) => html`<span>${row.version}${row.latest_version > row.active_version ? ` (draft ${row.latest_version})` : ""}</span>` },
  { title: "About", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  { title: "Labels", cell: (row) => html`<span class="actions">${Object.entries(row.labels).map(([name, value]) => html`<span class="tag">${name}: ${value}</span>`)}</span>` },
  { title: "Changed", cell: (row) => html`<${Time} at=${row.updated_at} />` },
];

export function Intents({ place, me }) {
  const q = place.query.get("q") ?? "", status = place.query.get("status") ?? "";
  const words = useSettled(q.trim());
  const pages = usePages((cursor) => get("/intents", { q: words, status, cursor, limit: 30 }), [words, status]);
  const filter = (/** @type {Record<string, string>} */ change) => replace(to(["intents"], { q, status, ...change }));
  return html`<div class="stack">
    <div class="page-head"><h1>Intents</h1>${me.operations.includes("intents.create") ? html`<a class="button primary" href=${to(["intents", "new", "edit"])}>New intent</a>` : null}</div>
    <div class="filters" role="search">
      <${Field} id="search" label="Search"><input id="search" type="search" class="input" value=${q} placeholder="Name, words, label, action" onInput=${(event) => filter({ q: event.target.value })} /><//>
      <${Field} id="intent-status" label="Status"><select id="intent-status" class="input" value=${status} onChange=${(event) => filter({ status: event.target.value })}>
        <option value="">Any</option>${["draft", "active", "deprecated", "archived"].map((one) => html`<option value=${one} selected=${one === status}>${one}</option>`)}</select><//>
    </div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      ${pages.loading && !pages.value ? html`<${Empty}>Loading…<//>` : html`<${Table} label="Intents" columns=${COLUMNS} rows=${pages.items} empty=${html`<p>${q || status ? "No intent fits." : "No intents yet."}</p>`} />`}
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}
