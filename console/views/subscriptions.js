// Webhooks: which events go where, and what came of sending them.
import { html, useState } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { worded } from "../lib/event-types.js";
import { go, to } from "../lib/router.js";
import { change, remove } from "../lib/stored.js";
import { Once } from "../ui/once.js";
import {
  Action, Asking, Card, Failure, Field, Loaded, Notice, Status, Table, Time, useLoaded, usePages,
} from "../ui/parts.js";
import { SubscriptionForm } from "./subscription-form.js";

const NONE = "No webhooks. One sends the events that it names to an address, signed.";
const MOST = 20;
/** How many are listed at a time: of each, the last delivery is asked for. */
const path = (/** @type {string} */ name) => `/subscriptions/${part(name)}`;
const state = (/** @type {any} */ one) => (one.enabled && !one.disabled_reason ? "active" : "disabled");

const COLUMNS = [
  { title: "Name", cell: (row) => html`<a href=${to(["subscriptions", row.name])}>${row.name}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${state(row)} />` },
  { title: "To", cell: (row) => html`<span class="mono">${row.url}</span>` },
  { title: "Events", cell: (row) => html`<span>${summary(row.events)}</span>` },
  { title: "Last delivery", cell: (row) => html`<${LastDelivery} key=${row.name} name=${row.name} />` },
];

function summary(/** @type {string[]} */ events) {
  return events.length > 2 ? `${events.length} types` : events.map(worded).join(", ");
}

function LastDelivery({ name }) {
  const found = useLoaded(() => get(`${path(name)}/deliveries`, { limit: 1 }), [name]);
  const last = found.value?.items[0];
  if (!last) return html`<span class="muted">${found.value ? "None yet" : "…"}</span>`;
  return html`<span><${Status} status=${last.status} /> <${Time} at=${last.updated_at} /></span>`;
}

export function Subscriptions({ me }) {
  const pages = usePages((cursor) => get("/subscriptions", { cursor, limit: MOST }), []);
  const empty = html`<p>${pages.loading ? "Loading…" : NONE}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Webhooks</h1>
      ${me.operations.includes("subscriptions.manage")
        ? html`<a class="button primary" href=${to(["subscriptions", "new", "add"])}>Add a webhook</a>` : null}</div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Webhooks" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function SubscriptionPage({ place, me }) {
  const [, name, what] = place.path;
  const found = useLoaded(async () => (what === "add" ? { name: "" } : get(path(name))), [name]);
  const manages = me.operations.includes("subscriptions.manage");
  if (what && !manages) return html`<h1>You may not change webhooks</h1>`;
  return html`<${Loaded} of=${found}>${(one) => (what
    ? html`<${SubscriptionForm} subscription=${one.name ? one : null} />`
    : html`<${Subscription} subscription=${one} manages=${manages} reload=${found.reload} />`)}<//>`;
}

function Subscription({ subscription, manages, reload }) {
  const [secret, setSecret] = useState("");
  return html`<div class="stack">
    <div class="page-head">
      <div><h1>${subscription.name}</h1>
        <p class="meta"><${Status} status=${state(subscription)} /><span>${subscription.description}</span></p></div>
      ${manages
        ? html`<${Steering} subscription=${subscription} reload=${reload} renewed=${setSecret} />` : null}
    </div>
    ${secret ? html`<${Once} title="The new secret, shown this once" value=${secret}
      text="Deliveries are signed with it from now on, and with the one before no more." />` : null}
    ${subscription.disabled_reason
      ? html`<${Notice} tone="bad" role="status" title="Nothing more is sent to it">
          <p>${subscription.disabled_reason}</p><//>` : null}
    <${Card} title="What goes where"><dl class="facts">
      <dt>To</dt><dd class="mono">${subscription.url}</dd>
      <dt>Events</dt><dd class="actions">
        ${subscription.events.map((type) => html`<span key=${type} class="tag">${worded(type)}</span>`)}</dd>
      <dt>Changed</dt><dd><${Time} at=${subscription.updated_at} /></dd>
      <dt>Made</dt><dd><${Time} at=${subscription.created_at} /> by ${subscription.created_by}</dd>
    </dl><//>
    <${Deliveries} name=${subscription.name} />
  </div>`;
}

/** What is put for a subscription to be as it is; its secret stays. */
function wanted(/** @type {any} */ { url, events, enabled, description }) {
  return { url, events, enabled, description };
}

function Steering({ subscription, reload, renewed }) {
  const { name } = subscription, on = state(subscription) === "active";
  const put = async (/** @type {any} */ what) => {
    await change(path(name), { ...wanted(subscription), ...what });
    await reload();
  };
  const renew = async () => {
    const secret = `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
    await put({ secret });
    renewed(secret);
  };
  return html`<div class="actions">
    ${on
      ? html`<${Asking} label="Disable" title="Disable ${name}?" confirm="Disable it" done="Nothing more is sent to it."
          text="Events of the time that it is disabled are not sent later." run=${() => put({ enabled: false })} />`
      : html`<${Action} label="Enable" kind="primary" done="Events are sent to it."
          run=${() => put({ enabled: true })} />`}
    <a class="button" href=${to(["subscriptions", name, "edit"])}>Change</a>
    <${Asking} label="New secret" title="Give ${name} a new secret?" confirm="Make one" run=${renew}
      text="Its receiver refuses what is sent until it has the new one. It is shown once." />
    <${Asking} label="Delete" kind="danger" title="Delete ${name}?" confirm="Delete it" done="Deleted."
      text="What is on its way to it is given up."
      run=${async () => { await remove(path(name)); go(to(["subscriptions"])); }} />
  </div>`;
}

const SENT = [
  { title: "When", cell: (row) => html`<${Time} at=${row.created_at} />` },
  { title: "Event", cell: (row) => html`<${Event} delivery=${row} />` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Attempts", cell: (row) => html`<span>${row.attempts}</span>` },
  { title: "Answer", cell: (row) => html`<span>${row.error ?? row.last_status ?? "–"}</span>` },
  { title: "Next attempt", cell: (row) => html`<${Time} at=${row.next_attempt_at} />` },
];

/** The event's type; that of an execution leads to it, for its id begins with the execution's. */
function Event({ delivery }) {
  const [execution] = delivery.event_id.split("/");
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(execution)
    ? html`<a href=${to(["executions", execution])}>${worded(delivery.type)}</a>`
    : html`<span>${worded(delivery.type)}</span>`;
}

function Deliveries({ name }) {
  const [status, setStatus] = useState("");
  const pages = usePages((cursor) => get(`${path(name)}/deliveries`, { cursor, status, limit: 15 }), [name, status]);
  const none = status ? `None that is ${status}.` : "None yet: what happens from now on is sent.";
  const options = [["", "Any"], ["pending", "pending"], ["delivered", "delivered"], ["dead", "dead: given up"]];
  return html`<${Card} title="Deliveries" flush
      aside=${html`<${Action} label="Refresh" kind="quiet" run=${pages.reload} />`}>
    <div class="body filters"><${Field} id="delivery-status" label="Status">
      <select id="delivery-status" class="input" value=${status}
        onChange=${(event) => setStatus(event.target.value)}>
        ${options.map(([one, shown]) => html`
          <option key=${one} value=${one} selected=${one === status}>${shown}</option>`)}
      </select><//></div>
    <${Failure} error=${pages.error} />
    <${Table} label="Deliveries" columns=${SENT} rows=${pages.items}
      empty=${html`<p>${pages.loading ? "Loading…" : none}</p>`} />
    ${pages.next ? html`<div class="body actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  <//>`;
}
