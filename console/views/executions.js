// The list of executions: found by what they are, and steered many at a time.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { between, duration } from "../lib/format.js";
import { replace, to } from "../lib/router.js";
import { Bulk, Came } from "../ui/bulk.js";
import { Action, Card, Choice, Empty, Failure, Field, Status, Table, Time, usePages } from "../ui/parts.js";

/** Milliseconds after which the first page is asked for again, while somebody looks at it. */
const EVERY = 15_000;
const STATUSES = ["pending", "running", "waiting", "paused", "cancelling", "completed", "failed", "cancelled"];
/** Hours, and what they are called. @type {[string, string][]} */
const AGES = [
  ["1", "Last hour"],
  ["24", "Last day"],
  ["168", "Last 7 days"],
  ["720", "Last 30 days"],
];
/** @type {[string, string][]} */
const KINDS = [
  ["false", "Real ones"],
  ["true", "Dry runs"],
];

const COLUMNS = [
  { title: "Intent", cell: (row) => html`<a href=${to(["executions", row.execution_id])}>${row.intent_id}</a>` },
  {
    title: "Status",
    cell: (row) =>
      html`<span><${Status} status=${row.status} />${row.dry_run
        ? html` <span class="tag">dry run</span>`
        : null}</span>`,
  },
  {
    title: "Progress",
    cell: (row) => html`<span>${row.progress.completed + row.progress.skipped} of ${row.progress.total}</span>`,
  },
  { title: "Took", cell: (row) => html`<span>${duration(between(row.started_at, row.finished_at))}</span>` },
  { title: "Started", cell: (row) => html`<${Time} at=${row.created_at} />` },
  { title: "By", cell: (row) => html`<span>${row.created_by}</span>` },
];

export function Executions({ place, me }) {
  const asked = Object.fromEntries(
    ["status", "intent", "age", "dry_run"].map((name) => [name, place.query.get(name) ?? ""]),
  );
  const query = () => ({ status: asked.status, intent: asked.intent, dry_run: asked.dry_run, since: since(asked.age) });
  const pages = usePages((cursor) => get("/executions", { ...query(), cursor, limit: 30 }), Object.values(asked));
  const [came, setCame] = useState(/** @type {any} */ (null));
  useRefreshed(pages);
  const filter = (/** @type {Record<string, string>} */ change) => replace(to(["executions"], { ...asked, ...change }));
  const filtered = Object.values(asked).some(Boolean);
  return html`<div class="stack">
    <div class="page-head">
      <h1>Executions</h1>
      <div class="actions">
        ${filtered && me.operations.includes("executions.bulk")
          ? html`<${Bulk} query=${query()} reload=${pages.reload} told=${setCame} />`
          : null}
        <${Action} label="Refresh" kind="quiet" run=${pages.reload} />
      </div>
    </div>
    <${Filters} asked=${asked} filter=${filter} />
    <${Came} came=${came} />
    <${Failure} error=${pages.error} />
    <${Card} title="Newest first" flush>
      ${
        pages.loading && !pages.value
          ? html`<${Empty}>Loading…<//>`
          : html`<${Table} label="Executions" columns=${COLUMNS} rows=${pages.items}
            empty=${html`<p>No executions${filtered ? " that fit" : " yet"}.</p>`} />`
      }
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

function Filters({ asked, filter }) {
  const typed = (event) => filter({ intent: event.target.value.trim() });
  const statuses = STATUSES.map((one) => [one, one]);
  return html`<div class="filters">
    <${Choice} id="filter-status" label="Status" value=${asked.status} of=${statuses}
      change=${(status) => filter({ status })} />
    <${Field} id="filter-intent" label="Intent">
      <input id="filter-intent" class="input" value=${asked.intent} placeholder="Name or id" onChange=${typed} />
    <//>
    <${Choice} id="filter-age" label="Started" value=${asked.age} of=${AGES} change=${(age) => filter({ age })} />
    <${Choice} id="filter-kind" label="Kind" value=${asked.dry_run} of=${KINDS}
      change=${(dry_run) => filter({ dry_run })} />
  </div>`;
}

/** The time so many hours ago, to the minute; nothing for none. */
const since = (/** @type {string} */ hours) =>
  hours ? new Date(Math.floor(Date.now() / 60_000) * 60_000 - Number(hours) * 3_600_000).toISOString() : "";

/** Ask for the first page again now and then, unless more were asked for or nobody looks. */
function useRefreshed(/** @type {any} */ pages) {
  const alone = pages.items.length <= (pages.value?.items.length ?? 0);
  useEffect(() => {
    if (!alone) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && pages.reload(), EVERY);
    return () => clearInterval(timer);
  }, [alone, pages.reload]);
}
