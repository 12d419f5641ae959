// One intent: what it would do, a form to have it done, its versions and what changed between them.
import { html, useMemo, useState } from "../vendor/preact.js";
import { ask, get, part, post } from "../lib/api.js";
import { sketch } from "../lib/drafts.js";
import { to } from "../lib/router.js";
import { Execute } from "../ui/execute.js";
import { Graph } from "../ui/graph.js";
import { Asking, Card, Facts, Json, Loaded, Notice, Status, Time, useLoaded } from "../ui/parts.js";
import { Editor } from "./editor.js";
import { Versions } from "./versions.js";

export function IntentPage({ place, me }) {
  const [, name, what] = place.path;
  if (what === "edit") return html`<${Editor} key=${name} name=${name} from=${place.query.get("from")} />`;
  return html`<${Intent} key=${name} name=${name} me=${me} />`;
}

function Intent({ name, me }) {
  const state = useLoaded(() => get(`/intents/${part(name)}`), [name]);
  return html`<${Loaded} of=${state}>${(intent) => html`<div class="stack">
    <${Head} intent=${intent} me=${me} reload=${state.reload} />
    <${Deprecated} intent=${intent} />
    <${Plan} intent=${intent} />
    <div class="columns">
      ${
        me.operations.includes("intents.execute") && intent.status !== "archived"
          ? html`<${Execute} key=${intent.id} intent=${intent} />`
          : null
      }
      <${Versions} key=${intent.updated_at} intent=${intent} me=${me} reload=${state.reload} />
    </div>
    <${Card} title="Definition"><${Json} label="Definition as JSON" value=${intent.definition} /><//>
  </div>`}<//>`;
}

function Head({ intent, me, reload }) {
  const may = (/** @type {string} */ operation) => me.operations.includes(operation);
  const archive = async () => {
    await ask("DELETE", `/intents/${part(intent.name)}`);
    await reload();
  };
  return html`<div class="page-head">
    <div>
      <h1>${intent.name}</h1>
      <div class="meta">
        <${Status} status=${intent.status} />
        <span>version ${intent.version}</span>
        <span>by ${intent.created_by}, <${Time} at=${intent.created_at} /></span>
        ${Object.entries(intent.labels).map(([name, value]) => html`<span class="tag">${name}: ${value}</span>`)}
      </div>
      ${intent.description ? html`<p class="muted">${intent.description}</p>` : null}
    </div>
    <div class="actions">
      <a class="button" href=${to(["executions"], { intent: intent.name })}>Executions</a>
      ${
        may("schedules.manage") && intent.status !== "archived"
          ? html`<a class="button" href=${to(["schedules", "new", "add"], { intent: intent.name })}>Schedule it</a>`
          : null
      }
      ${may("intents.update") ? html`<a class="button" href=${to(["intents", intent.name, "edit"])}>Edit</a>` : null}
      ${
        may("intents.archive") && intent.status !== "archived"
          ? html`<${Asking} label="Archive" kind="danger" title="Archive ${intent.name}?" confirm="Archive it"
            run=${archive}
            text="It keeps its name and versions, and what runs goes on. It can be executed no more."
              done="It is archived." />`
          : null
      }
    </div>
  </div>`;
}

function Deprecated({ intent }) {
  if (intent.status !== "deprecated") return null;
  const { successor } = intent;
  return html`<${Notice} tone="warn" role="note" title="It is deprecated">
    ${successor ? html`<p>Use <a href=${to(["intents", successor])}>${successor}</a> instead.</p>` : null}
  <//>`;
}

function Plan({ intent }) {
  const plan = useLoaded(() => post(`/intents/${part(intent.id)}/plan`, {}), [intent.id]);
  const [chosen, choose] = useState(/** @type {string|null} */ (null));
  const drawn = useMemo(() => drawnOf(intent, plan), [intent, plan.value, plan.error]);
  const { nodes } = drawn;
  const node = nodes.find((one) => one.id === chosen);
  const target = plan.value?.target ? `, ${plan.value.target}` : "";
  const aside = plan.value
    ? html`<span class="muted small">${nodes.length} ${nodes.length === 1 ? "step" : "steps"}${target}</span>`
    : null;
  return html`<${Card} title="What it would do" flush aside=${aside}>
    ${
      nodes.length
        ? html`<${Graph} nodes=${nodes} levels=${drawn.levels} chosen=${chosen}
          choose=${(id) => choose(id === chosen ? null : id)} />`
        : null
    }
    ${
      plan.error
        ? html`<div class="body">
        <p class="muted small">What each step would be given is known with parameters: ${plan.error.message}.</p></div>`
        : null
    }
    ${plan.value && node ? html`<${Planned} node=${node} />` : null}
    ${
      plan.value?.warnings.length
        ? html`<div class="body"><${Notice} tone="warn" role="note" title="Worth a look">
          <ul>${plan.value.warnings.map((one) => html`<li>${one.message}</li>`)}</ul>
        <//></div>`
        : null
    }
  <//>`;
}

/**
 * The platform's plan; without it, for it may need parameters, what the definition says.
 * @param {any} intent
 * @param {any} plan
 */
function drawnOf(intent, plan) {
  if (plan.value) return { nodes: plan.value.graph.nodes, levels: plan.value.order };
  return plan.error ? sketch(intent.definition) : { nodes: [], levels: [] };
}

/** What the plan says of one step. */
function Planned({ node }) {
  /** @type {[string, any][]} */
  const facts = [
    ["Action", html`<code>${node.action}</code>, ${node.side_effect}`],
    ["Timeout", `${node.timeout} s, ${node.retry.max_attempts} attempts at most`],
    ["When", node.when ? html`<code>${node.when}</code>` : null],
    ["For each of", node.foreach ? html`<code>${JSON.stringify(node.foreach.items)}</code>` : null],
    ["Where", node.where],
    ["Secrets", node.secrets.join(", ") || null],
  ];
  return html`<div class="body stack tight">
    <h3>${node.id}</h3>
    <${Facts} facts=${facts} />
    <${Json} label="Inputs of ${node.id}" value=${node.inputs} />
  </div>`;
}
