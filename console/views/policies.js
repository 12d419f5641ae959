// The tenant's own policies, and whether somebody would be allowed something.
import { html, useState } from "../vendor/preact.js";
import { get, post } from "../lib/api.js";
import { Action, Card, Empty, Failure, Field, Notice, Time, usePages } from "../ui/parts.js";

export function Policies({ me }) {
  const pages = usePages((cursor) => get("/policies", { cursor, limit: 50 }), []);
  return html`<div class="stack"><h1>Policies</h1><${Check} me=${me} /><${Failure} error=${pages.error} />
    ${pages.items.map((one) => html`<${Card} key=${one.name} id="policy-${one.name}" title=${one.name} aside=${html`<span class="muted small">${one.enabled ? "in force" : "switched off"}, <${Time} at=${one.updated_at} /> by ${one.updated_by}</span>`}><div class="stack tight">${one.description ? html`<p>${one.description}</p>` : null}<pre class="json" tabindex="0" role="region" aria-label="Text of ${one.name}">${one.policy}</pre></div><//>`)}
    ${pages.value && !pages.items.length ? html`<${Card} title="The tenant's own" flush><${Empty}><p>The tenant has no policies of its own: what members may do is what their roles say.</p><//><//>` : null}
    ${pages.next ? html`<${Action} label="Show more" run=${pages.loadMore} />` : null}</div>`;
}

function Check({ me }) {
  const [asked, set] = useState({ user: "", operation: "intents.execute", resource: "" });
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const change = (/** @type {string} */ name) => (event) => set((was) => ({ ...was, [name]: event.target.value.trim() }));
  const check = async (event) => {
    event.preventDefault();
    setAnswer(null);
    try {
      setAnswer(await post("/policies/check", { operation: asked.operation, ...(asked.user ? { user: asked.user } : {}), ...(asked.resource ? { resource: asked.resource } : {}) }));
      setError(null);
    } catch (problem) { setError(problem); }
  };
  return html`<${Card} title="Would it be allowed?"><form class="stack" onSubmit=${check}><div class="filters">
    <${Field} id="check-user" label="Member"><input id="check-user" class="input" placeholder="You" value=${asked.user} onInput=${change("user")} /><//>
    <${Field} id="check-operation" label="Operation"><input id="check-operation" class="input" list="operations" required value=${asked.operation} onInput=${change("operation")} /><datalist id="operations">${me.operations.map((one) => html`<option value=${one} />`)}</datalist><//>
    <${Field} id="check-resource" label="Of what"><input id="check-resource" class="input" placeholder="Any" value=${asked.resource} onInput=${change("resource")} /><//>
    <button class="button primary">Ask</button></div>
    <${Failure} error=${error} />
    ${answer ? html`<${Notice} tone=${answer.allowed ? "ok" : "bad"} role="status" title=${answer.allowed ? "Allowed" : "Not allowed"}><p><b>${answer.principal}</b>, <code>${answer.operation}</code> of <code>${answer.resource}</code>: decided by ${answer.policies.map((one) => html`<code>${one}</code> `)}</p><//>` : null}
  </form><//>`;
}
