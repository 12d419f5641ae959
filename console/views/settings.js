// The tenant that one is in: how much it uses, what it allows itself, and all of it to take along.
import { html } from "../vendor/preact.js";
import { part } from "../lib/api.js";
import { take } from "../lib/export.js";
import { read } from "../lib/stored.js";
import { Action, Loaded, Time, useLoaded } from "../ui/parts.js";
import { Limits } from "./tenant-limits.js";
import { Usage } from "./tenant-usage.js";

export function Settings({ me }) {
  const id = me.tenant_id;
  const state = useLoaded(() => read(`/tenants/${part(id)}`), [id]);
  const may = (/** @type {string} */ operation) => me.operations.includes(operation);
  return html`<${Loaded} of=${state}>${({ value: tenant, tag }) => html`<div class="stack">
    <div class="page-head">
      <div><h1>Tenant ${tenant.id}</h1><p class="muted">Made <${Time} at=${tenant.created_at} />.</p></div>
      ${may("tenants.export")
        ? html`<${Action} label="Export all of it" run=${() => take(id)} done="All of it is here." />` : null}
    </div>
    <${Usage} key=${`use ${tag}`} id=${id} />
    <${Limits} key=${tag} tenant=${tenant} tag=${tag} reload=${state.reload} may=${may("tenants.configure")} />
  </div>`}<//>`;
}
