// Who did what; and whether the chains of records are whole.
import { html, useState } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { replace, to } from "../lib/router.js";
import { Action, Card, Failure, Field, Json, Notice, Table, Time, usePages } from "../ui/parts.js";

const COLUMNS = [
  { title: "When", cell: (row) => html`<${Time} at=${row.time} />` },
  { title: "Who", cell: (row) => html`<span>${row.principal}</span>` },
  { title: "Did", cell: (row) => html`<code>${row.action}</code>` },
  { title: "To", cell: (row) => html`<span class="mono">${row.chain} #${row.number}</span>` },
  { title: "Details", cell: (row) => html`<${Details} row=${row} />` },
];

function Details({ row }) {
  const { chain, number, before, after, hash } = row;
  const told = { from: row.address, request: row.request_id, permitted_by: row.decision?.policies ?? null };
  return html`<details class="detail">
    <summary>More<span class="hidden-label"> of ${chain} ${number}</span></summary>
    <${Json} label="Record ${number} of ${chain}" value=${{ ...told, before, after, hash }} />
  </details>`;
}

/** @type {[string, string, string][]} what is asked for, what that is called, and such a one */
const FILTERS = [
  ["principal", "Who", "ada@acme"],
  ["action", "Did", "intent.create"],
  ["intent", "Intent", "Name"],
];

export function Audit({ place }) {
  const asked = Object.fromEntries(FILTERS.map(([name]) => [name, place.query.get(name) ?? ""]));
  const pages = usePages((cursor) => get("/audit", { ...asked, cursor, limit: 50 }), Object.values(asked));
  const filter = (/** @type {string} */ name) => (event) =>
    replace(to(["audit"], { ...asked, [name]: event.target.value.trim() }));
  return html`<div class="stack">
    <h1>Audit</h1>
    <${Verify} />
    <div class="filters">
      ${FILTERS.map(([name, label, example]) => html`<${Field} id="audit-${name}" label=${label}>
        <input id="audit-${name}" class="input" placeholder=${example} value=${asked[name]} onChange=${filter(name)} />
      <//>`)}
    </div>
    <${Failure} error=${pages.error} />
    <${Card} title="Newest first" flush>
      <${Table} label="Audit records" columns=${COLUMNS} rows=${pages.items}
        empty=${html`<p>${pages.loading ? "Loading…" : "No records that fit."}</p>`} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

/** Each chain's records hang on each other by their hashes; the platform looks at some chains a request. */
function Verify() {
  const [found, set] = useState(/** @type {any} */ (null));
  const run = async () => {
    const sum = { chains: 0, records: 0, damage: /** @type {any[]} */ ([]), done: false };
    let cursor = null;
    do {
      const part = await get("/audit/verification", { cursor });
      sum.chains += part.chains;
      sum.records += part.records;
      sum.damage.push(...part.damage);
      cursor = part.next_cursor;
      sum.done = cursor === null;
      set({ ...sum });
    } while (cursor !== null);
  };
  return html`<${Card} title="Are the chains whole?"
    aside=${html`<${Action} label="Verify" kind="primary" run=${run} />`}>
    ${found
      ? html`<${Found} ...${found} />`
      : html`<p class="muted">Each record has the hash of the one before it: what was altered or removed is found.</p>`}
  <//>`;
}

function Found({ chains, records, damage, done }) {
  const title = !done ? "Looking…" : damage.length ? "There is damage" : "Every chain is whole";
  return html`<${Notice} tone=${damage.length ? "bad" : "ok"} role="status" title=${title}>
    <p>${chains} chains, ${records} records.</p>
    ${damage.length
      ? html`<ul>${damage.map((one) => html`<li><code>${one.chain}</code> ${one.kind}: ${one.message}</li>`)}</ul>`
      : null}
  <//>`;
}
