// One step of an execution: why it failed or waits, what it was given, each attempt, its items, what it came to.
import { html, useState } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { between, cause, clock, duration, full, waiting } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Card, Facts, Field, Json, Loaded, Notice, Status, Table, useLoaded } from "../ui/parts.js";
import { Value } from "../ui/value.js";
import { Retry } from "./steering.js";

/** Most items that are listed; those that failed come first. */
const MOST_ITEMS = 50;

/**
 * @param {{execution: any, step: any, node: any, told: any, first: boolean, me: any}} props
 * `node` is the step's in the plan, if that is known; `told` what events say of it; `first`: its failure stands
 * above already
 */
export function StepCard({ execution, step, node, told, first, me }) {
  const path = `/executions/${part(execution.execution_id)}/steps/${part(step.id)}`;
  const detail = useLoaded(
    () => get(path),
    [step.id, step.status, step.attempts, step.finished_at, step.compensation?.status],
  );
  return html`<${Card} title="Step ${step.id}" id="step" aside=${html`<${Status} status=${step.status} />`}>
    <div class="stack">
      ${
        step.error && !first
          ? html`<${Notice} role="note" title=${step.error.code ?? "Failed"}><p>${cause(step.error)}</p><//>`
          : null
      }
      <${About} step=${step} node=${node} />
      <${Decisions} approval=${step.approval} />
      <${Items} path=${path} step=${step} node=${node} told=${told} />
      <${Loaded} of=${detail}>${(known) => html`<${Attempts} title="Attempts" attempts=${known.attempts} />
        <${Attempts} title="Undoing it" attempts=${known.undoing} />
        <${Inputs} step=${step} inputs=${known.inputs} node=${node} />`}<//>
      <${Outputs} step=${step} />
      <${Again} execution=${execution} step=${step} me=${me} />
    </div>
  <//>`;
}

function About({ step, node }) {
  const link = (/** @type {string} */ id) => html`<a href=${to(["executions", id])}>${id}</a>`;
  const usual = step.expected != null ? html` <span class="muted">(as a rule ${duration(step.expected)})</span>` : null;
  /** @type {[string, any][]} */
  const facts = [
    [
      "Action",
      html`<code>${step.action}</code>${node ? `, ${node.side_effect}` : ""}${
        node?.section === "finally" ? ", at last" : ""
      }`,
    ],
    ["Started", step.started_at ? full(step.started_at) : null],
    ["Took", step.started_at ? html`${duration(between(step.started_at, step.finished_at))}${usual}` : null],
    ["Waits for", step.waiting.length ? step.waiting.map(waiting).join("; ") : null],
    ["When", node?.when ? html`<code>${node.when}</code>` : null],
    ["Child", step.child ? link(step.child) : null],
    ["Kept from", step.kept_from ? link(step.kept_from) : null],
    ["Undone", step.compensation ? html`<${Status} status=${step.compensation.status} />` : null],
  ];
  return html`<${Facts} facts=${facts} />`;
}

function Decisions({ approval }) {
  if (!approval?.decisions.length) return null;
  return html`<div><h3>Decisions</h3><ul class="stack tight">
    ${approval.decisions.map(
      (one) => html`<li><${Status} status=${one.decision} /> ${one.by} ${one.comment ?? ""}</li>`,
    )}
  </ul></div>`;
}

const ATTEMPTS = [
  { title: "Attempt", cell: (row) => html`<b>${row.number}</b>` },
  {
    title: "Began",
    cell: (row) => html`<span class="nowrap">${row.started_at ? clock(row.started_at) : "–"}</span>`,
  },
  {
    title: "Took",
    cell: (row) => html`<span class="nowrap">${duration(between(row.started_at, row.finished_at))}</span>`,
  },
  {
    title: "Came to",
    cell: (row) => html`<span><${Status} status=${row.status} /> ${row.error ? cause(row.error) : ""}
      ${row.next_at ? html`<span class="muted"> next at ${clock(row.next_at)}</span>` : null}</span>`,
  },
];

/** What there is to say of attempts when there were several, or one went wrong. */
function Attempts({ title, attempts }) {
  if (attempts.length < 2 && (title === "Attempts" || !attempts.length)) return null;
  return html`<div>
    <h3>${title}</h3>
    <${Table} label=${title} columns=${ATTEMPTS} rows=${attempts} empty=${null} />
  </div>`;
}

function Inputs({ step, inputs, node }) {
  const given = inputs ?? node?.inputs;
  if (!given || !Object.keys(given).length) return null;
  return html`<details open=${step.status === "failed"}>
    <summary>${inputs ? "Inputs, as they were given" : "Inputs, as the definition says"}</summary>
    <${Json} label="Inputs of ${step.id}" value=${given} />
  </details>`;
}

function Outputs({ step }) {
  const has = step.outputs && Object.keys(step.outputs).length && !step.outputs.counts;
  return html`${
    has ? html`<div><h3>Outputs</h3><${Value} label="Outputs of ${step.id}" value=${step.outputs} /></div>` : null
  }
    ${
      step.would
        ? html`<div><h3>Would do</h3><${Json} label="What ${step.id} would do" value=${step.would} /></div>`
        : null
    }`;
}

/** A step with `foreach`: how many of its items are done, and how each stands. */
function Items({ path, step, node, told }) {
  const list = step.outputs?.items ?? [];
  const counts = step.outputs?.counts ?? told?.items;
  if (!counts && !node?.foreach) return null;
  if (!counts) return html`<p class="muted small">It runs for each item of a list.</p>`;
  const done = (counts.completed ?? 0) + (counts.failed ?? 0) + (counts.skipped ?? 0);
  const words = `${done} of ${counts.total ?? "?"} items${counts.failed ? `, ${counts.failed} failed` : ""}`;
  const rows = list
    .map((one, at) => ({ ...one, at }))
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, MOST_ITEMS);
  const columns = [
    { title: "Item", cell: (row) => html`<b>${row.at + 1}</b>` },
    { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
    { title: "Came to", cell: (row) => html`<span>${row.error ? cause(row.error) : brief(row.outputs)}</span>` },
    { title: "Details", cell: (row) => html`<${Item} path=${path} at=${row.at} />` },
  ];
  return html`<div><h3>Items</h3>
    <p class="small">${words}${list.length > MOST_ITEMS ? `; ${MOST_ITEMS} are listed, what failed first` : ""}</p>
    <progress class="progress" data-tone=${counts.failed ? "bad" : "ok"} max=${counts.total ?? 1} value=${done}
      aria-label="Items that are done"></progress>
    ${
      rows.length
        ? html`<div class="tall"><${Table} label="Items" columns=${columns} rows=${rows} empty=${null} /></div>`
        : null
    }
  </div>`;
}

const rank = (/** @type {any} */ row) => (row.status === "failed" ? 0 : 1);

function brief(/** @type {any} */ outputs) {
  const text = JSON.stringify(outputs ?? {});
  return text === "{}" ? "–" : text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function Item({ path, at }) {
  const [open, setOpen] = useState(false);
  return html`<details class="detail" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>More<span class="hidden-label"> of item ${at + 1}</span></summary>
    ${open ? html`<${ItemDetail} path=${path} at=${at} />` : null}
  </details>`;
}

function ItemDetail({ path, at }) {
  const state = useLoaded(() => get(path, { item: at }), [at]);
  return html`<${Loaded} of=${state}>${(item) => html`<${Json} label="Item ${at + 1}"
    value=${{ inputs: item.inputs, attempts: item.attempts, outputs: item.outputs, error: item.error }} />`}<//>`;
}

const AGAIN = ["completed", "failed", "cancelled"];

function Again({ execution, step, me }) {
  const may = me.operations.includes("executions.retry") && !execution.dry_run && !execution.retried_by;
  if (!may || !AGAIN.includes(execution.status) || !step.attempts) return null;
  return html`<div class="actions">
    <${Retry} execution=${execution} label="Retry from here" title="Run ${step.id} again, and what depends on it?"
      from=${step.id} />
  </div>`;
}
