// Who belongs to the tenant; who may, makes members and says what they are.
import { html, useState } from "../vendor/preact.js";
import { ask, get, part } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { Action, Asking, Card, Failure, Field, Loaded, Table, usePages, useLoaded } from "../ui/parts.js";

const ROLES = ["viewer", "author", "operator", "approver", "auditor", "admin"];

export function Members({ me }) {
  const manages = me.operations.includes("members.manage");
  const pages = usePages((cursor) => get("/members", { cursor, limit: 100 }), []);
  const columns = [
    { title: "Member", cell: (row) => (manages ? html`<a href=${to(["members", row.user])}>${row.user}</a>` : html`<b>${row.user}</b>`) },
    { title: "Roles", cell: (row) => html`<span class="actions">${row.roles.map((role) => html`<span class="tag">${role}</span>`)}</span>` },
    { title: "Kind", cell: (row) => html`<span>${row.kind}</span>` },
    { title: "Attributes", cell: (row) => html`<span class="mono">${Object.keys(row.attributes).length ? JSON.stringify(row.attributes) : "–"}</span>` },
    { title: "Known as", cell: (row) => html`<span class="muted">${row.subject} at ${row.issuer}</span>` },
  ];
  return html`<div class="stack"><div class="page-head"><h1>Members</h1>${manages ? html`<a class="button primary" href=${to(["members", "new", "add"])}>Add a member</a>` : null}</div><${Failure} error=${pages.error} />
    <${Card} title="By name" flush><${Table} label="Members" columns=${columns} rows=${pages.items} empty=${html`<p>${pages.loading ? "Loading…" : "No members."}</p>`} /><//>
    ${pages.next ? html`<${Action} label="Show more" run=${pages.loadMore} />` : null}</div>`;
}

export function MemberPage({ place, me }) {
  const [, user, what] = place.path;
  const fresh = what === "add";
  const state = useLoaded(async () => (fresh ? { user: "", roles: ["viewer"], attributes: {}, issuer: me.issuer, subject: "" } : get(`/members/${part(user)}`)), []);
  return html`<${Loaded} of=${state}>${(member) => html`<${Form} member=${member} fresh=${fresh} />`}<//>`;
}

function Form({ member, fresh }) {
  const [state, set] = useState({ user: member.user, subject: member.subject, issuer: member.issuer, roles: member.roles, attributes: JSON.stringify(member.attributes) });
  const [error, setError] = useState(/** @type {any} */ (null));
  const change = (/** @type {string} */ name) => (event) => set((was) => ({ ...was, [name]: event.target.value }));
  const path = `/members/${part(state.user)}`;
  const save = async (event) => {
    event.preventDefault();
    try {
      const { roles, issuer, subject } = state;
      await ask("PUT", path, { body: { roles, attributes: JSON.parse(state.attributes), ...(fresh ? { issuer, subject: subject || state.user } : {}) } });
      go(to(["members"]));
    } catch (problem) { setError(problem); }
  };
  const toggle = (/** @type {string} */ role) => set((was) => ({ ...was, roles: was.roles.includes(role) ? was.roles.filter((one) => one !== role) : [...was.roles, role] }));
  return html`<form class="stack" onSubmit=${save}><div class="page-head"><h1>${fresh ? "Add a member" : member.user}</h1><div class="actions">
      ${fresh ? null : html`<${Asking} label="Remove" kind="danger" title="Remove ${member.user} from the tenant?" confirm="Remove" run=${async () => { await ask("DELETE", path); go(to(["members"])); }} done="Removed." />`}
      <button class="button primary">Save</button></div></div>
    <${Failure} error=${error} title="It was not saved" />
    <${Card} title="Who"><div class="stack">
      ${fresh ? html`<div class="columns"><${Field} id="user" label="Name in the tenant"><input id="user" class="input" required value=${state.user} onInput=${change("user")} /><//>
        <${Field} id="subject" label="Name at the issuer" hint="The sub of its tokens, or oid where that is Entra ID; the same if left out"><input id="subject" class="input" value=${state.subject} onInput=${change("subject")} /><//>
        <${Field} id="issuer" label="Issuer"><input id="issuer" class="input" required value=${state.issuer} onInput=${change("issuer")} /><//></div>` : null}
      <fieldset class="roles"><legend>Roles</legend>${ROLES.map((role) => html`<label class="check"><input type="checkbox" checked=${state.roles.includes(role)} onChange=${() => toggle(role)} />${role}</label>`)}</fieldset>
      <${Field} id="attributes" label="Attributes" hint="As JSON; policies and approvals may ask about them"><input id="attributes" class="input mono" value=${state.attributes} onInput=${change("attributes")} /><//>
    </div><//></form>`;
}
