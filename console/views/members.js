// Who belongs to the tenant; who may, makes members and says what they are.
import { html } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { go, replace, to } from "../lib/router.js";
import { change, create, read, remove } from "../lib/stored.js";
import { Area, Choice, Saving, Sheet, Text, useForm } from "../ui/forms.js";
import {
  Action, Asking, Card, Failure, Field, Loaded, Table, Time, useLoaded, usePages, useToasts,
} from "../ui/parts.js";

const ROLES = ["viewer", "author", "operator", "approver", "auditor", "admin"];
const PLATFORM = "platform";
/** The tenant whose members administer the platform: its roles are others. */
const rolesOf = (/** @type {string} */ tenant) => (tenant === PLATFORM ? [...ROLES, "platform-admin"] : ROLES);
const path = (/** @type {string} */ user) => `/members/${part(user)}`;

const columns = (/** @type {boolean} */ manages) => [
  {
    title: "Member",
    cell: (row) => (manages ? html`<a href=${to(["members", row.user])}>${row.user}</a>` : html`<b>${row.user}</b>`),
  },
  {
    title: "Roles",
    cell: ({ roles }) => html`<span class="actions">
      ${roles.map((role) => html`<span key=${role} class="tag">${role}</span>`)}</span>`,
  },
  { title: "Kind", cell: (row) => html`<span>${row.kind}</span>` },
  { title: "Attributes", cell: (row) => html`<span class="mono">${attributes(row)}</span>` },
  { title: "Known as", cell: (row) => html`<span class="muted">${row.subject} at ${row.issuer}</span>` },
];

function attributes(/** @type {any} */ row) {
  return Object.keys(row.attributes).length ? JSON.stringify(row.attributes) : "–";
}

export function Members({ place, me }) {
  const manages = me.operations.includes("members.manage");
  const role = place.query.get("role") ?? "";
  const pages = usePages((cursor) => get("/members", { cursor, role, limit: 100 }), [role]);
  const empty = html`<p>${pages.loading ? "Loading…" : "No members that fit."}</p>`;
  const filter = (/** @type {any} */ event) => replace(to(["members"], { role: event.target.value }));
  return html`<div class="stack">
    <div class="page-head"><h1>Members</h1>
      ${manages ? html`<a class="button primary" href=${to(["members", "new", "add"])}>Add a member</a>` : null}</div>
    <div class="filters"><${Field} id="role" label="Role">
      <select id="role" class="input" value=${role} onChange=${filter}>
        <option value="">Any</option>
        ${rolesOf(me.tenant_id).map((one) => html`
          <option key=${one} value=${one} selected=${one === role}>${one}</option>`)}
      </select><//></div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Members" columns=${columns(manages)} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function MemberPage({ place, me }) {
  const [, user, what] = place.path;
  const state = useLoaded(async () => (what === "add" ? { value: null, tag: "" } : read(path(user))), [user]);
  if (!me.operations.includes("members.manage")) return html`<h1>You may not change members</h1>`;
  return html`<${Loaded} of=${state}>${({ value, tag }) => html`
    <${Form} key=${tag} member=${value} tag=${tag} me=${me} reload=${state.reload} />`}<//>`;
}

function Form({ member, tag, me, reload }) {
  const fresh = { user: "", kind: "user", subject: "", issuer: me.issuer, roles: ["viewer"], attributes: {} };
  const was = member ?? fresh;
  const form = useForm({ ...was, attributes: JSON.stringify(was.attributes, null, 2) });
  const { tell } = useToasts();
  const save = form.submit(async ({ user, kind, issuer, subject, roles, attributes: text }) => {
    const body = { roles, attributes: parsed(text) };
    await (member
      ? change(path(user), body, tag)
      : create(path(user), { ...body, kind, issuer, subject: subject || user }));
    tell("ok", "It is felt within five seconds.");
    go(to(["members"]));
  });
  return html`<div class="stack">
    <div class="page-head"><h1>${member ? member.user : "Add a member"}</h1>
      ${member ? html`<${Remove} user=${member.user} tag=${tag} />` : null}</div>
    <${Sheet} save=${save}>
      ${member ? html`<${Known} member=${member} />` : html`<${Identity} form=${form} />`}
      <${Roles} form=${form} all=${rolesOf(me.tenant_id)} />
      <${Area} form=${form} name="attributes" label="Attributes" kind="mono" spellcheck="false"
        hint="As JSON; policies and approvals may ask about them" />
      <${Saving} form=${form} label=${member ? "Save" : "Add it"} reload=${member ? reload : null}>
        <a class="button quiet" href=${to(["members"])}>Not now</a><//>
    <//></div>`;
}

function Identity({ form }) {
  return html`<${Text} form=${form} name="user" label="Name in the tenant" required autocomplete="off" maxlength="64" />
    <${Choice} form=${form} name="kind" label="Kind"
      options=${[["user", "a person"], ["service", "a service, acting for itself"]]} />
    <${Text} form=${form} name="subject" label="Name at the issuer" autocomplete="off"
      hint="The sub of its tokens, or oid where that is Entra ID; the same if left out" />
    <${Text} form=${form} name="issuer" label="Issuer" required autocomplete="off" />`;
}

const Known = ({ member }) => html`<dl class="facts">
  <dt>Kind</dt><dd>${member.kind}</dd>
  <dt>Known as</dt><dd>${member.subject} at ${member.issuer}</dd>
  ${member.created_at ? html`<dt>Made</dt><dd><${Time} at=${member.created_at} /></dd>` : null}
  ${member.updated_at ? html`<dt>Changed</dt><dd><${Time} at=${member.updated_at} /></dd>` : null}
</dl>`;

function Roles({ form, all }) {
  const { roles } = form.state, wrong = form.wrong("/roles");
  const toggle = (/** @type {string} */ role) => form.set("roles",
    roles.includes(role) ? roles.filter((/** @type {string} */ one) => one !== role) : [...roles, role]);
  return html`<fieldset class="choices"><legend>Roles</legend>
    ${[...new Set([...all, ...roles])].map((role) => html`<label key=${role} class="check">
      <input type="checkbox" checked=${roles.includes(role)} onChange=${() => toggle(role)} />${role}</label>`)}
    ${wrong ? html`<p class="wrong">${wrong}</p>` : null}
  </fieldset>`;
}

function parsed(/** @type {string} */ text) {
  try { return JSON.parse(text || "{}"); } catch (error) {
    throw new Error(`The attributes are not JSON: ${error.message}`);
  }
}

function Remove({ user, tag }) {
  const run = async () => { await remove(path(user), tag); go(to(["members"])); };
  return html`<${Asking} label="Remove" kind="danger" title="Remove ${user} from the tenant?" confirm="Remove it"
    text="It is refused from then on, and so are its schedules. What it made stays." run=${run} done="Removed." />`;
}
