// What waits for somebody's word, over all executions, the longest wait first; and what was decided.
import { html, useEffect } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { replace, to } from "../lib/router.js";
import { Approval } from "../ui/approval.js";
import { Action, Card, Empty, Failure, Field, Status, Table, Time, usePages } from "../ui/parts.js";

/** Milliseconds after which the list is asked for again. */
const EVERY = 30_000;
const STATUSES = ["waiting", "approved", "rejected", "withdrawn"];

export function Approvals({ place, me }) {
  const status = place.query.get("status") ?? "waiting",
    mine = place.query.has("mine");
  const asked = (/** @type {string|null} */ cursor) =>
    get("/approvals", { status, mine: mine || "", cursor, limit: 30 });
  const pages = usePages(asked, [status, mine]);
  useEffect(() => {
    const timer = setInterval(pages.reload, EVERY);
    return () => clearInterval(timer);
  }, [pages.reload]);
  const filter = (/** @type {any} */ change) => replace(to(["approvals"], { status, mine: mine || "", ...change }));
  return html`<div class="stack">
    <div class="page-head"><h1>Approvals</h1><${Action} label="Refresh" kind="quiet" run=${pages.reload} /></div>
    <div class="filters">
      <${Field} id="approval-status" label="Status">
        <select id="approval-status" class="input" value=${status}
          onChange=${(event) => filter({ status: event.target.value })}>
          ${STATUSES.map((one) => html`<option value=${one} selected=${one === status}>${one}</option>`)}
        </select>
      <//>
      <label class="check">
        <input type="checkbox" checked=${mine}
          onChange=${(event) => filter({ mine: event.target.checked || "" })} />Only mine to decide
      </label>
    </div>
    <${Failure} error=${pages.error} />
    <${List} pages=${pages} status=${status} me=${me} />
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

const DECIDED = [
  {
    title: "Intent",
    cell: (row) => html`<a href=${to(["executions", row.execution_id, row.step])}>${row.intent_id}</a>`,
  },
  { title: "Step", cell: (row) => html`<span>${row.step}</span>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.approval.status} />` },
  { title: "By", cell: (row) => html`<span>${row.approval.decisions.map((one) => one.by).join(", ") || "–"}</span>` },
  { title: "When", cell: (row) => html`<${Time} at=${row.approval.ended_at} />` },
];

function List({ pages, status, me }) {
  if (pages.loading && !pages.value) return html`<${Empty}><span role="status">Loading…</span><//>`;
  if (status !== "waiting") {
    const empty = html`<p>None is ${status}.</p>`;
    return html`<${Card} title="Newest first" flush>
      <${Table} label="Approvals" columns=${DECIDED} rows=${pages.items} empty=${empty} />
    <//>`;
  }
  if (!pages.items.length)
    return html`<${Card} title="Waiting" flush><${Empty}><p>Nothing waits for anybody's word.</p><//><//>`;
  return pages.items.map(
    (one) => html`<${Asked} key=${one.execution_id + one.step} asked=${one} reload=${pages.reload} me=${me} />`,
  );
}

function Asked({ asked, reload, me }) {
  const { execution_id: id, step, approval, intent_id, created_by } = asked;
  const aside = html`<span class="muted small">
    <${Time} at=${approval.since} />, executed by ${created_by}, <a href=${to(["executions", id, step])}>look at it</a>
  </span>`;
  return html`<${Card} id="approval-${id}-${step}" title=${intent_id} aside=${aside}>
    <${Approval} execution=${{ execution_id: id, created_by }} step=${{ id: step, approval }} reload=${reload}
      me=${me} />
  <//>`;
}
