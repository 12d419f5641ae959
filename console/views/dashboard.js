// What happened in the last weeks, and what somebody should look at now.
import { html, useMemo } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { between, duration } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Plot } from "../ui/plot.js";
import { Card, Loaded, Table, useLoaded } from "../ui/parts.js";
import { COLUMNS } from "./executions.js";
import { waitingApprovals } from "./approvals.js";

const DAYS = 30, DAY = 86_400_000;

export function Dashboard() {
  const stats = useLoaded(() => get("/stats"), []);
  const ended = useLoaded(() => get("/executions", { status: "completed", dry_run: false, limit: 200 }), []);
  return html`<div class="stack"><h1>Dashboard</h1>
    <${Attention} />
    <${Loaded} of=${stats}>${(value) => html`<${Figures} days=${value.days} ended=${ended.value?.items ?? []} />`}<//>
    <${Loaded} of=${ended}>${(value) => html`<${Durations} executions=${value.items} />`}<//></div>`;
}

function Figures({ days, ended }) {
  const { times, started, completed, failed, rate, sums } = useMemo(() => perDay(days), [days]);
  const took = ended.map((one) => between(one.started_at, one.finished_at) ?? 0).sort((a, b) => a - b);
  const counts = useMemo(() => [{ label: "Started", tone: "--run", values: started }, { label: "Completed", tone: "--ok", values: completed, fill: true }, { label: "Failed", tone: "--bad", values: failed, fill: true }], [days]);
  const rates = useMemo(() => [{ label: "Success rate", tone: "--ok", values: rate, fill: true }], [days]);
  const figures = [["Started", sums.started], ["Completed", sums.completed], ["Failed", sums.failed], ["Success rate", sums.rate === null ? "–" : `${Math.round(sums.rate)} %`], ["Took, as a rule", took.length ? duration(took[Math.floor(took.length / 2)]) : "–"]];
  return html`<dl class="figures" aria-label="The last ${DAYS} days">${figures.map(([name, value]) => html`<div class="card"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <div class="columns wide"><${Card} title="Executions a day"><${Plot} title="Executions a day" times=${times} series=${counts} /><//>
    <${Card} title="Success rate"><${Plot} title="Success rate" times=${times} series=${rates} most=${100} format=${(value) => `${Math.round(value)} %`} /><//></div>`;
}

function Durations({ executions }) {
  const begun = executions.filter((one) => one.started_at).reverse();
  const times = useMemo(() => begun.map((one) => new Date(one.started_at).getTime() / 1000), [executions]);
  const series = useMemo(() => [{ label: "Duration of an execution that completed", tone: "--run", points: true, values: begun.map((one) => between(one.started_at, one.finished_at)) }], [executions]);
  return html`<${Card} title="Durations">${begun.length ? html`<${Plot} title="Durations" times=${times} series=${series} format=${duration} />` : html`<p class="muted">Nothing has completed yet.</p>`}<//>`;
}

/** Executions that wait for people, or have failed of late and were not retried. */
function Attention() {
  const state = useLoaded(async () => {
    const since = new Date(Date.now() - DAY).toISOString();
    const [asking, failed, paused] = await Promise.all([waitingApprovals(), get("/executions", { status: "failed", since, limit: 20 }), get("/executions", { status: "paused", limit: 20 })]);
    const waits = [...new Map(asking.map(({ execution }) => [execution.execution_id, execution])).values()];
    return [...waits, ...paused.items, ...failed.items.filter((one) => !one.retried_by && !one.dry_run)].slice(0, 8);
  }, []);
  return html`<${Card} title="What needs attention" flush aside=${html`<a href=${to(["approvals"])}>Approvals</a>`}><${Loaded} of=${state}>${(rows) => html`<${Table} label="What needs attention" columns=${COLUMNS} rows=${rows} empty=${html`<p>Nothing waits for anybody, and nothing failed in the last day.</p>`} />`}<//><//>`;
}

/** The last days without gaps, oldest first. @param {any[]} days */
function perDay(days) {
  const known = new Map(days.map((day) => [day.date, day]));
  const today = Math.floor(Date.now() / DAY) * DAY;
  const dates = Array.from({ length: DAYS }, (_, at) => today - (DAYS - 1 - at) * DAY);
  const all = dates.map((time) => known.get(new Date(time).toISOString().slice(0, 10)));
  const of = (/** @type {string} */ name) => all.map((day) => day?.[`executions_${name}`] ?? 0);
  const started = of("started"), completed = of("completed"), failed = of("failed"), cancelled = of("cancelled");
  const share = (/** @type {number} */ good, /** @type {number} */ bad) => (good + bad ? (100 * good) / (good + bad) : null);
  const sum = (/** @type {number[]} */ values) => values.reduce((total, one) => total + one, 0);
  return {
    times: dates.map((time) => time / 1000), started, completed, failed, rate: completed.map((good, at) => share(good, failed[at] + cancelled[at])),
    sums: { started: sum(started), completed: sum(completed), failed: sum(failed), rate: share(sum(completed), sum(failed) + sum(cancelled)) },
  };
}
