// One intent: what it would do, a form to have it done, its versions and what changed between them.
import { html, useState } from "../vendor/preact.js";
import { ask, get, part, post } from "../lib/api.js";
import { to } from "../lib/router.js";
import { Execute } from "../ui/execute.js";
import { Graph } from "../ui/graph.js";
import { Asking, Card, Failure, Field, Json, Loaded, Notice, Status, Time, useLoaded } from "../ui/parts.js";
import { Editor } from "./editor.js";

export function IntentPage({ place, me }) {
  const [, name, what] = place.path;
  if (what === "edit") return html`<${Editor} key=${name} name=${name} from=${place.query.get("from")} />`;
  return html`<${Intent} key=${name} name=${name} me=${me} />`;
}

function Intent({ name, me }) {
  const state = useLoaded(() => get(`/intents/${part(name)}`), [name]);
  return html`<${Loaded} of=${state}>${(intent) => html`<div class="stack">
    <${Head} intent=${intent} me=${me} reload=${state.reload} />
    ${intent.status === "deprecated" ? html`<${Notice} tone="warn" role="note" title="It is deprecated">${intent.successor ? html`<p>Use <a href=${to(["intents", intent.successor])}>${intent.successor}</a> instead.</p>` : null}<//>` : null}
    <${Plan} intent=${intent} />
    <div class="columns">
      ${me.operations.includes("intents.execute") && intent.status !== "archived" ? html`<${Execute} key=${intent.id} intent=${intent} />` : null}
      <${Versions} key=${intent.updated_at} intent=${intent} me=${me} reload=${state.reload} />
    </div>
    <${Card} title="Definition"><${Json} label="Definition as JSON" value=${intent.definition} /><//>
  </div>`}<//>`;
}

function Head({ intent, me, reload }) {
  const path = `/intents/${part(intent.name)}`;
  return html`<div class="page-head">
    <div><h1>${intent.name}</h1><div class="meta"><${Status} status=${intent.status} /><span>version ${intent.version}</span><span>by ${intent.created_by}, <${Time} at=${intent.created_at} /></span>
      ${Object.entries(intent.labels).map(([name, value]) => html`<span class="tag">${name}: ${value}</span>`)}</div>
      ${intent.description ? html`<p class="muted">${intent.description}</p>` : null}</div>
    <div class="actions">
      <a class="button" href=${to(["executions"], { intent: intent.name })}>Executions</a>
      ${me.operations.includes("intents.update") ? html`<a class="button" href=${to(["intents", intent.name, "edit"])}>Edit</a>` : null}
      ${me.operations.includes("intents.archive") && intent.status !== "archived" ? html`<${Asking} label="Archive" kind="danger" title="Archive ${intent.name}?" text="It keeps its name and versions, and what runs goes on. It can be executed no more." confirm="Archive it" run=${async () => { await ask("DELETE", path); await reload(); }} done="It is archived." />` : null}
    </div></div>`;
}

function Plan({ intent }) {
  const plan = useLoaded(() => post(`/intents/${part(intent.id)}/plan`, {}), [intent.id]);
  const [chosen, choose] = useState(/** @type {string|null} */ (null));
  const node = plan.value?.graph.nodes.find((one) => one.id === chosen);
  return html`<${Card} title="What it would do" flush aside=${plan.value ? html`<span class="muted small">${plan.value.graph.nodes.length} ${plan.value.graph.nodes.length === 1 ? "step" : "steps"}${plan.value.target ? `, ${plan.value.target}` : ""}</span>` : null}>
    ${plan.error ? html`<div class="body"><p class="muted">With no parameters there is no plan: ${plan.error.message}</p></div>` : null}
    ${plan.value ? html`<${Graph} nodes=${plan.value.graph.nodes} levels=${plan.value.order} chosen=${chosen} choose=${(id) => choose(id === chosen ? null : id)} />` : null}
    ${node ? html`<div class="body stack tight"><h3>${node.id}</h3><dl class="facts"><dt>Action</dt><dd><code>${node.action}</code>, ${node.side_effect}</dd><dt>Timeout</dt><dd>${node.timeout} s, ${node.retry.max_attempts} attempts at most</dd>
      ${node.when ? html`<dt>When</dt><dd><code>${node.when}</code></dd>` : null}${node.where ? html`<dt>Where</dt><dd>${node.where}</dd>` : null}${node.secrets.length ? html`<dt>Secrets</dt><dd>${node.secrets.join(", ")}</dd>` : null}</dl><${Json} label="Inputs of ${node.id}" value=${node.inputs} /></div>` : null}
    ${plan.value?.warnings.length ? html`<div class="body"><${Notice} tone="warn" role="note" title="Worth a look"><ul>${plan.value.warnings.map((one) => html`<li>${one.message}</li>`)}</ul><//></div>` : null}
  <//>`;
}

function Versions({ intent, me, reload }) {
  const path = `/intents/${part(intent.name)}`;
  const list = useLoaded(() => get(`${path}/versions`, { limit: 50 }), [intent.name, intent.updated_at]);
  const [pair, setPair] = useState({ from: Math.max(1, intent.latest_version - 1), to: intent.latest_version });
  const back = (/** @type {number} */ version) => async (/** @type {string} */ message) => {
    await post(`${path}/rollback`, { version, ...(message ? { message } : {}) });
    await reload();
  };
  return html`<${Card} title="Versions"><div class="stack">
    <${Loaded} of=${list}>${(page) => html`<ol class="timeline">${page.items.map((one) => html`<li key=${one.version} data-tone=${one.state === "active" ? "ok" : one.state === "draft" ? "run" : "idle"}>
      <div class="stack tight"><span><b>Version ${one.version}</b> <span class="muted small">${one.state}, <${Time} at=${one.created_at} /> by ${one.created_by}</span></span>${one.message ? html`<span>${one.message}</span>` : null}
      <span class="actions">${one.version > 1 ? html`<button type="button" class="button quiet" aria-pressed=${pair.to === one.version && pair.from === one.version - 1} onClick=${() => setPair({ from: one.version - 1, to: one.version })}>What changed<span class="hidden-label"> in version ${one.version}</span></button>` : null}
      ${one.state === "superseded" && me.operations.includes("intents.update") ? html`<${Asking} label="Go back to ${one.version}" kind="quiet" title="Make version ${one.version} the active one again?" text="A new version gets its content." field="What for (optional)" confirm="Go back" run=${back(one.version)} done="A new version has the old content." />` : null}</span></div></li>`)}</ol>
      ${page.items.length > 1 ? html`<${Diff} path=${path} pair=${pair} change=${setPair} versions=${page.items.map((one) => one.version)} />` : null}`}<//>
  </div><//>`;
}

function Diff({ path, pair, change, versions }) {
  const diff = useLoaded(() => get(`${path}/diff`, pair), [path, pair.from, pair.to]);
  const pick = (/** @type {"from"|"to"} */ end, /** @type {string} */ label) => html`<${Field} id="diff-${end}" label=${label}><select id="diff-${end}" class="input" value=${String(pair[end])} onChange=${(event) => change({ ...pair, [end]: Number(event.target.value) })}>${versions.map((one) => html`<option value=${String(one)} selected=${one === pair[end]}>${one}</option>`)}</select><//>`;
  return html`<section class="stack tight" aria-labelledby="diff"><h3 id="diff">What changed</h3><div class="filters">${pick("from", "From")}${pick("to", "To")}</div>
    <${Failure} error=${diff.error} />
    ${diff.value ? html`<div role="status"><ul class="changes">${(diff.value.text || "Nothing.").split("\n").filter(Boolean).map((line) => html`<li>${line}</li>`)}</ul></div><details><summary>As JSON Patch</summary><${Json} label="JSON Patch" value=${diff.value.patch} /></details>` : null}</section>`;
}
