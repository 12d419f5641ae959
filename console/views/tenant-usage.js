// How much a tenant uses of what it is allowed.
import { html } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { Action, Card, Loaded, Table, Time, useLoaded } from "../ui/parts.js";

/** @type {Record<string, string>} */
export const QUOTAS = {
  intents: "Intents",
  versions: "Versions of one intent",
  definition_bytes: "Bytes of one definition",
  output_bytes: "Bytes of a step's outputs",
  event_streams: "Open event streams",
  schedules: "Schedules",
  subscriptions: "Webhooks",
  policies: "Policies",
  members: "Members",
  secrets: "Secrets",
  modules: "Modules of its own",
};
/** @type {Record<string, string>} */
export const RATES = {
  hour: "Requests of a user in an hour",
  burst: "Requests of a user in a minute",
  tenant_hour: "Requests of all users in an hour",
  tenant_burst: "Requests of all users in a minute",
};
export const CONCURRENT = "Executions at a time";

/** A number with its thousands apart. */
export const grouped = (/** @type {number} */ value) => value.toLocaleString("en");

const COLUMNS = [
  { title: "What", cell: (row) => html`<span>${row.title}</span>` },
  { title: "Used", cell: (row) => html`<${Amount} ...${row} />` },
  { title: "Share", cell: (row) => html`<${Share} ...${row} />` },
];

function Amount({ used, limit, resets_at }) {
  const most = limit == null ? "any number" : grouped(limit);
  const words = used != null ? `${grouped(used)} of ${most}` : limit == null ? "Any number" : `At most ${most}`;
  return html`<span>${words}${used && resets_at
    ? html`<span class="muted small">, all of them again <${Time} at=${resets_at} /></span>` : null}</span>`;
}

/** A bar that says what the numbers beside it say. */
function Share({ used, limit }) {
  if (used == null || !limit) return html`<span>–</span>`;
  const share = Math.min(1, used / limit);
  const tone = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "ok";
  return html`<div class="share"><div class="bar" data-tone=${tone}><div style=${{ width: `${share * 100}%` }} /></div>
    <span class="small muted">${Math.round(share * 100)} %</span></div>`;
}

export function Usage({ id }) {
  const state = useLoaded(() => get(`/tenants/${part(id)}/usage`), [id]);
  const rows = (/** @type {any} */ use) => [
    { title: CONCURRENT, ...use.max_concurrent_executions },
    ...Object.entries(use.rate_limits).map(([name, one]) => ({ title: RATES[name] ?? name, ...one })),
    ...Object.entries(use.quotas).map(([name, one]) => ({ title: QUOTAS[name] ?? name, ...one })),
  ];
  return html`<${Card} title="What is used" flush
      aside=${html`<${Action} label="Refresh" kind="quiet" run=${state.reload} />`}>
    <${Loaded} of=${state}>${(use) => html`
      <${Table} label="What is used" columns=${COLUMNS} rows=${rows(use)} empty="" />`}<//>
  <//>`;
}
