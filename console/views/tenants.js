// Every tenant of the platform, for its administrators: made, allowed, suspended and erased; what is in one is its own.
import { html, useEffect } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { go, replace, to } from "../lib/router.js";
import { change, read, remove } from "../lib/stored.js";
import { Confirming } from "../ui/confirming.js";
import { Saving, Sheet, Text, useForm } from "../ui/forms.js";
import {
  Action, Asking, Card, Failure, Field, Loaded, Notice, Status, Table, Time, useLoaded, usePages, useToasts,
} from "../ui/parts.js";
import { Ceiling, Limits } from "./tenant-limits.js";
import { Usage } from "./tenant-usage.js";

const STATUSES = ["active", "suspended", "erasing", "erased"];
const OFTEN = 5_000;
/** Milliseconds between two looks at a tenant that is being erased. */
const WHY = "Why (its members are told)";
const path = (/** @type {string} */ id) => `/tenants/${part(id)}`;

const COLUMNS = [
  { title: "Tenant", cell: (row) => html`<a href=${to(["tenants", row.id])}>${row.id}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Made", cell: (row) => html`<${Time} at=${row.created_at} />` },
  { title: "Status changed", cell: (row) => html`<${Time} at=${row.changed_at} />` },
];

export function Tenants({ place, me }) {
  const status = place.query.get("status") ?? "";
  const pages = usePages((cursor) => get("/tenants", { cursor, status, limit: 100 }), [status]);
  const filter = (/** @type {any} */ event) => replace(to(["tenants"], { status: event.target.value }));
  const empty = html`<p>${pages.loading ? "Loading…" : "No tenants that fit."}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Tenants</h1>
      ${me.operations.includes("tenants.create")
        ? html`<a class="button primary" href=${to(["tenants", "new", "add"])}>Add a tenant</a>` : null}</div>
    <div class="filters"><${Field} id="tenant-status" label="Status">
      <select id="tenant-status" class="input" value=${status} onChange=${filter}>
        <option value="">Any</option>
        ${STATUSES.map((one) => html`<option key=${one} value=${one} selected=${one === status}>${one}</option>`)}
      </select><//></div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Tenants" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function TenantPage({ place, me }) {
  const [, id, what] = place.path;
  if (!what) return html`<${Tenant} id=${id} me=${me} />`;
  return me.operations.includes("tenants.create") ? html`<${Add} me=${me} />` : html`<h1>You may not make tenants</h1>`;
}

function Add({ me }) {
  const form = useForm({ id: "", user: "", issuer: me.issuer, subject: "" });
  const { tell } = useToasts();
  const save = form.submit(async ({ id, user, issuer, subject }) => {
    await post("/tenants", { id, administrator: { user, issuer, subject: subject || user } });
    tell("ok", `${id} is made.`);
    go(to(["tenants", id]));
  });
  return html`<div class="stack"><h1>Add a tenant</h1><${Sheet} save=${save}>
    <${Text} form=${form} name="id" label="Name" required autocomplete="off" maxlength="63"
      hint="Small letters, digits and -. It is given once, and never again." />
    <fieldset class="group"><legend>Its first administrator</legend>
      <${Text} form=${form} name="user" at="/administrator/user" label="Name in the tenant" required
        autocomplete="off" />
      <${Text} form=${form} name="subject" at="/administrator/subject" label="Name at the issuer" autocomplete="off"
        hint="The sub of its tokens, or oid where that is Entra ID; the same if left out" />
      <${Text} form=${form} name="issuer" at="/administrator/issuer" label="Issuer" required autocomplete="off" />
    </fieldset>
    <${Saving} form=${form} label="Add it" title="It was not made">
      <a class="button quiet" href=${to(["tenants"])}>Not now</a><//>
  <//></div>`;
}

function Tenant({ id, me }) {
  const state = useLoaded(() => read(path(id)), [id]);
  const status = state.value?.value.status;
  useEffect(() => {
    if (status !== "erasing") return undefined;
    const timer = setInterval(state.reload, OFTEN);
    return () => clearInterval(timer);
  }, [status, state.reload]);
  const may = (/** @type {string} */ operation) => me.operations.includes(operation);
  return html`<${Loaded} of=${state}>${({ value: tenant, tag }) => html`<div class="stack">
    <div class="page-head">
      <div><h1>${tenant.id}</h1><p class="meta"><${Status} status=${tenant.status} />
        <span>made <${Time} at=${tenant.created_at} /></span></p></div>
      <${Steering} tenant=${tenant} tag=${tag} may=${may} reload=${state.reload} />
    </div>
    <${Standing} tenant=${tenant} />
    ${tenant.status === "active" || tenant.status === "suspended" ? html`
      <${Usage} key=${`use ${tag}`} id=${tenant.id} />
      ${may("tenants.allow") ? html`<${Ceiling} key=${`ceiling ${tag}`} tenant=${tenant} tag=${tag}
        reload=${state.reload} />` : null}
      <${Limits} key=${`limits ${tag}`} tenant=${tenant} tag=${tag} reload=${state.reload}
        may=${may("tenants.configure")} />` : null}
  </div>`}<//>`;
}

/** @type {Record<string, {tone: string, title: string}>} */
const STANDINGS = {
  suspended: { tone: "warn", title: "Nothing is done for its members" },
  erasing: { tone: "bad", title: "All of it is being deleted" },
  erased: { tone: "idle", title: "Nothing is left of it, and its name is not given again" },
};

function Standing({ tenant }) {
  const told = STANDINGS[tenant.status];
  if (!told) return null;
  return html`<${Notice} tone=${told.tone} role="status" title=${told.title}>
    <p>${tenant.reason}</p>
    <p class="small muted">${tenant.changed_by}, <${Time} at=${tenant.changed_at} /></p>
  <//>`;
}

function Steering({ tenant, tag, may, reload }) {
  const { id, status } = tenant;
  const post = (/** @type {string} */ what) => async (/** @type {string} */ reason) => {
    await change(`${path(id)}/${what}`, { reason }, tag, "POST");
    await reload();
  };
  const erase = async () => { await remove(path(id), tag); await reload(); };
  const refused = "Nothing is done for its members: requests are refused, executions are held, schedules do not fire.";
  const lost = "Every document, execution, secret, member and record of it is deleted. Its name is never given again.";
  return html`<div class="actions">
    ${status === "active" && may("tenants.suspend")
      ? html`<${Asking} label="Suspend" kind="danger" title="Suspend ${id}?" text=${refused} field=${WHY}
          confirm="Suspend it" run=${post("suspend")} done="Suspended." />` : null}
    ${status === "suspended" && may("tenants.suspend")
      ? html`<${Asking} label="Resume" kind="primary" title="Go on with ${id}?" field=${WHY} confirm="Go on"
          text="What was held goes on where it stood." run=${post("resume")} done="It goes on." />` : null}
    ${status === "suspended" && may("tenants.erase")
      ? html`<${Confirming} label="Erase" title="Erase all of ${id}?" name=${id} text=${lost} confirm="Erase it"
          run=${erase} done="It is being erased." />` : null}
  </div>`;
}
