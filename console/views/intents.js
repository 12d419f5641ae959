// The list of intents, with search, labels and order.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { replace, to } from "../lib/router.js";
import { Action, Card, Choice, Empty, Failure, Field, Status, Table, Time, usePages, useSettled } from "../ui/parts.js";

/** @type {[string, string][]} */
const ORDERS = [
  ["name", "By name"],
  ["-updated_at", "Changed last"],
  ["-created_at", "Newest first"],
  ["created_at", "Oldest first"],
];
const hasDraft = (/** @type {any} */ row) => row.latest_version > row.active_version;
const STATUSES = ["draft", "active", "deprecated", "archived"];

const columns = (/** @type {(label: string) => void} */ labelled) => [
  { title: "Name", cell: (row) => html`<a href=${to(["intents", row.name])}>${row.name}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  {
    title: "Version",
    cell: (row) => html`<span>${row.version}${hasDraft(row) ? ` (draft ${row.latest_version})` : ""}</span>`,
  },
  { title: "About", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  {
    title: "Labels",
    cell: (row) =>
      html`<span class="actions">
        ${Object.entries(row.labels).map((one) => html`<${Label} label=${one} labelled=${labelled} />`)}
      </span>`,
  },
  { title: "Changed", cell: (row) => html`<${Time} at=${row.updated_at} />` },
];

function Label({ label: [name, value], labelled }) {
  const press = () => labelled(`${name}:${value}`);
  return html`<button type="button" class="tag" title="Show those with this label" onClick=${press}>
    ${name}: ${value}
  </button>`;
}

export function Intents({ place, me }) {
  const asked = Object.fromEntries(["q", "status", "label", "sort"].map((name) => [name, place.query.get(name) ?? ""]));
  const { q, status, label, sort } = asked;
  const words = useSettled(q.trim());
  const pages = usePages(
    (cursor) =>
      get("/intents", { q: words, status, label, sort, cursor, limit: 30, ...(cursor ? {} : { facets: "label" }) }),
    [words, status, label, sort],
  );
  const filter = (/** @type {Record<string, string>} */ change) => replace(to(["intents"], { ...asked, ...change }));
  const labels = labelsOf(pages.value?.facets?.label.values ?? [], label);
  return html`<div class="stack">
    <div class="page-head">
      <h1>Intents</h1>
      ${
        me.operations.includes("intents.create")
          ? html`<a class="button primary" href=${to(["intents", "new", "edit"])}>New intent</a>`
          : null
      }
    </div>
    <div class="filters" role="search">
      <${Field} id="search" label="Search">
        <input id="search" type="search" class="input" value=${q} placeholder="Name, words, label, action"
          onInput=${(event) => filter({ q: event.target.value })} />
      <//>
      <${Choice} id="intent-status" label="Status" value=${status} of=${STATUSES.map((one) => [one, one])}
        change=${(value) => filter({ status: value })} />
      ${
        labels.length
          ? html`<${Choice} id="intent-label" label="Label" value=${label} of=${labels}
          change=${(value) => filter({ label: value })} />`
          : null
      }
      <${Choice} id="intent-sort" label="Order" value=${sort || "name"} any=${null} of=${ORDERS}
        change=${(value) => filter({ sort: value })} />
    </div>
    <${Failure} error=${pages.error} />
    <${Card} title=${ORDERS.find(([value]) => value === sort)?.[1] ?? "By name"} flush>
      ${
        pages.loading && !pages.value
          ? html`<${Empty}>Loading…<//>`
          : html`<${Table} label="Intents" columns=${columns((one) => filter({ label: one }))} rows=${pages.items}
            empty=${html`<p>${q || status || label ? "No intent fits." : "No intents yet."}</p>`} />`
      }
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

/**
 * Labels with how many intents have each; that which is chosen is among them.
 * @param {{value: string, count: number}[]} counts
 * @param {string} chosen
 * @returns {[string, string][]}
 */
function labelsOf(counts, chosen) {
  const known =
    counts.some((one) => one.value === chosen) || !chosen ? counts : [...counts, { value: chosen, count: 0 }];
  return known.map(({ value, count }) => [value, `${value} (${count})`]);
}
