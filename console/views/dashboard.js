// What happened in the last days, and what somebody should look at now.
import { html, useMemo } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { EXAMPLES } from "../lib/examples.js";
import { between, cause, duration } from "../lib/format.js";
import { replace, to } from "../lib/router.js";
import { median, perDay, perIntent } from "../lib/summary.js";
import { Plot } from "../ui/plot.js";
import { Card, Loaded, Status, Table, Time, useLoaded } from "../ui/parts.js";

const DAY = 86_400_000;
const CHOICES = [7, 30, 90];
/** Most executions of which durations and intents are told: a page of the list. */
const PAGE = 200;
/** Most rows of what needs attention, and of intents. */
const MOST = 8;

export function Dashboard({ place, me }) {
  const asked = Number(place.query.get("days"));
  const days = CHOICES.includes(asked) ? asked : 30;
  const since = new Date(Math.floor(Date.now() / DAY) * DAY - (days - 1) * DAY).toISOString();
  const stats = useLoaded(() => get("/stats", { since: since.slice(0, 10) }), [days]);
  const ended = useLoaded(() => endedSince(since), [days]);
  const none = stats.value?.days.length === 0 && ended.value?.length === 0;
  if (none) return html`<${Beginning} me=${me} />`;
  return html`<div class="stack">
    <div class="page-head"><h1>Dashboard</h1><${Days} days=${days} /></div>
    <${Attention} />
    <${Loaded} of=${stats}>${(value) => html`<${Figures} stats=${value} days=${days} ended=${ended.value ?? []} />`}<//>
    <${Loaded} of=${ended}>${(executions) => html`<div class="columns wide">
      <${Durations} executions=${executions} since=${since} /><${PerIntent} executions=${executions} />
    </div>`}<//>
  </div>`;
}

/** The latest that have ended well or failed, dry runs left out. */
async function endedSince(/** @type {string} */ since) {
  const of = (/** @type {string} */ status) => get("/executions", { status, since, dry_run: false, limit: PAGE });
  const pages = await Promise.all(["completed", "failed"].map(of));
  return pages.flatMap((page) => page.items);
}

function Days({ days }) {
  return html`<div class="actions" role="group" aria-label="How many days">
    ${CHOICES.map(
      (one) => html`<button type="button" class="button small" aria-pressed=${one === days}
      onClick=${() => replace(to(["dashboard"], { days: one }))}>${one} days</button>`,
    )}
  </div>`;
}

function Figures({ stats, days, ended }) {
  const { times, completed, failed, cancelled, rate, sums } = useMemo(
    () => perDay(stats.days, days, Date.now()),
    [stats, days],
  );
  const took = median(
    ended.filter((one) => one.status === "completed").map((one) => between(one.started_at, one.finished_at) ?? 0),
  );
  const figures = [
    ["Started", sums.started],
    ["Completed", sums.completed],
    ["Failed", sums.failed],
    ["Success rate", sums.rate === null ? "–" : `${Math.round(sums.rate)} %`],
    ["Took, as a rule", duration(took)],
  ];
  const counts = useMemo(
    () => [
      { label: "Completed", tone: "--ok", values: completed },
      { label: "Failed", tone: "--bad", values: failed },
      { label: "Cancelled", tone: "--idle", values: cancelled },
    ],
    [stats, days],
  );
  const rates = useMemo(() => [{ label: "Success rate", tone: "--ok", values: rate }], [stats, days]);
  const half = DAY / 2000;
  const range = { times, from: times[0] - half, until: times[times.length - 1] + half };
  const percent = (/** @type {number} */ value) => `${Math.round(value)} %`;
  return html`<dl class="figures" aria-label="The last ${days} days">
      ${figures.map(([name, value]) => html`<div class="card"><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
    <div class="columns wide">
      <${Card} title="Executions a day">
        <${Plot} title="Executions a day" kind="bars" ...${range} series=${counts} />
      <//>
      <${Card} title="Success rate">
        <${Plot} title="Success rate" kind="line" ...${range} series=${rates} most=${100} format=${percent} />
      <//>
    </div>`;
}

function Durations({ executions, since }) {
  const { times, series } = useMemo(() => {
    const begun = executions.filter((one) => one.started_at && one.status === "completed").reverse();
    const values = begun.map((one) => between(one.started_at, one.finished_at));
    return {
      times: begun.map((one) => new Date(one.started_at).getTime() / 1000),
      series: [{ label: "An execution that completed", tone: "--run", values }],
    };
  }, [executions]);
  const from = new Date(since).getTime() / 1000,
    until = Math.floor(Date.now() / DAY + 1) * (DAY / 1000);
  return html`<${Card} title="Durations">
    ${
      times.length
        ? html`<${Plot} title="Durations" kind="points" times=${times} from=${from} until=${until} series=${series}
          format=${duration} />`
        : html`<p class="muted">Nothing has completed in these days.</p>`
    }
  <//>`;
}

const INTENTS = [
  { title: "Intent", cell: (row) => html`<a href=${to(["intents", row.name])}>${row.name}</a>` },
  {
    title: "Failed",
    cell: (row) =>
      row.failed
        ? html`<a href=${to(["executions"], { intent: row.name, status: "failed" })}>${row.failed}</a>`
        : html`<span>0</span>`,
  },
  { title: "Ended", cell: (row) => html`<span>${row.ended}</span>` },
  { title: "Took, as a rule", cell: (row) => html`<span>${duration(row.took)}</span>` },
];

function PerIntent({ executions }) {
  const rows = useMemo(() => perIntent(executions), [executions]);
  const aside = html`<span class="muted small">of the latest ${executions.length}</span>`;
  return html`<${Card} title="By intent" flush aside=${aside}>
    <${Table} label="Intents, those that failed most first" columns=${INTENTS} rows=${rows.slice(0, MOST)}
      empty=${html`<p>Nothing has ended in these days.</p>`} />
  <//>`;
}

const NEEDS = [
  { title: "Intent", cell: (row) => html`<a href=${to(["executions", row.execution_id])}>${row.intent_id}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Why", cell: (row) => html`<span>${row.why}</span>` },
  { title: "Since", cell: (row) => html`<${Time} at=${row.since} />` },
  { title: "By", cell: (row) => html`<span>${row.created_by}</span>` },
];

/** Executions that wait for people, or have failed of late and were not retried. */
function Attention() {
  const state = useLoaded(async () => {
    const since = new Date(Date.now() - DAY).toISOString();
    const of = (/** @type {any} */ query) => get("/executions", { dry_run: false, limit: MOST, ...query });
    const [asked, paused, failed] = await Promise.all([
      get("/approvals", { limit: MOST }),
      of({ status: "paused" }),
      of({ status: "failed", since }),
    ]);
    return [
      ...asked.items.map((one) => ({
        ...one,
        status: "waiting",
        since: one.approval.since,
        why: one.approval.message ?? `Step ${one.step} asks for an approval`,
      })),
      ...paused.items.map((one) => ({ ...one, since: one.created_at, why: "Somebody has paused it" })),
      ...failed.items
        .filter((one) => !one.retried_by)
        .map((one) => ({
          ...one,
          since: one.finished_at,
          why: `${one.error?.step ? `${one.error.step}: ` : ""}${cause(one.error)}`,
        })),
    ].slice(0, MOST);
  }, []);
  return html`<${Card} title="What needs attention" flush aside=${html`<a href=${to(["approvals"])}>Approvals</a>`}>
    <${Loaded} of=${state}>${(rows) => html`<${Table} label="What needs attention" columns=${NEEDS} rows=${rows}
      empty=${html`<p>Nothing waits for anybody, and nothing failed in the last day.</p>`} />`}<//>
  <//>`;
}

/** What a tenant sees in which nothing has been executed. */
function Beginning({ me }) {
  const may = me.operations.includes("intents.create");
  return html`<div class="stack">
    <h1>Nothing here yet</h1>
    <p class="muted">An intent says what should happen, in steps. Once one is executed, it shows here how that goes.</p>
    ${
      may
        ? html`<div class="actions">
            <a class="button primary" href=${to(["intents", "new", "edit"])}>Write an intent</a>
            <a class="button" href=${to(["intents"])}>Look at those there are</a>
          </div>
          <h2>Or begin with an example</h2>
          <div class="columns">${EXAMPLES.map((one) => html`<${Example} key=${one.name} example=${one} />`)}</div>`
        : html`<p>Somebody who may write intents has to begin.</p>`
    }
  </div>`;
}

function Example({ example }) {
  const { name, title, about } = example;
  return html`<${Card} title=${title} id="example-${name}"><div class="stack">
    <p>${about}</p>
    <div class="actions">
      <a class="button" href=${to(["intents", "new", "edit"], { from: name })}>
        Use it<span class="hidden-label">: ${title}</span>
      </a>
    </div>
  </div><//>`;
}
