// The list of executions.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { between, duration } from "../lib/format.js";
import { replace, to } from "../lib/router.js";
import { Action, Card, Empty, Failure, Field, Status, Table, Time, usePages } from "../ui/parts.js";

const STATUSES = ["pending", "running", "waiting", "paused", "cancelling", "completed", "failed", "cancelled"];

export const COLUMNS = [
  { title: "Intent", cell: (row) => html`<a href=${to(["executions", row.execution_id])}>${row.intent_id}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Progress", cell: (row) => html`<span>${row.progress.completed + row.progress.skipped} of ${row.progress.total}</span>` },
  { title: "Took", cell: (row) => html`<span>${duration(between(row.started_at, row.finished_at))}</span>` },
  { title: "Started", cell: (row) => html`<${Time} at=${row.created_at} />` },
  { title: "By", cell: (row) => html`<span>${row.created_by}</span>` },
];

export function Executions({ place }) {
  const status = place.query.get("status") ?? "", intent = place.query.get("intent") ?? "";
  const pages = usePages((cursor) => get("/executions", { status, intent, cursor, limit: 30 }), [status, intent]);
  const filter = (/** @type {Record<string, string>} */ change) => replace(to(["executions"], { status, intent, ...change }));
  return html`<div class="stack">
    <div class="page-head"><h1>Executions</h1><${Action} label="Refresh" kind="quiet" run=${pages.reload} /></div>
    <div class="filters">
      <${Field} id="filter-status" label="Status"><select id="filter-status" class="input" value=${status} onChange=${(event) => filter({ status: event.target.value })}>
        <option value="">Any</option>${STATUSES.map((one) => html`<option value=${one} selected=${one === status}>${one}</option>`)}
      </select><//>
      <${Field} id="filter-intent" label="Intent"><input id="filter-intent" class="input" value=${intent} placeholder="Name or id" onChange=${(event) => filter({ intent: event.target.value.trim() })} /><//>
    </div>
    <${Failure} error=${pages.error} />
    <${Card} title="Newest first" flush>
      ${pages.loading && !pages.value ? html`<${Empty}>Loading…<//>` : html`<${Table} label="Executions" columns=${COLUMNS} rows=${pages.items} empty=${html`<p>No executions${status || intent ? " that fit" : " yet"}.</p>`} />`}
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}
