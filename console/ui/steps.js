// The steps of an execution: as the graph of its plan, or as a list that is searched.
import { html, useMemo, useState } from "../vendor/preact.js";
import { between, duration } from "../lib/format.js";
import { Graph } from "./graph.js";
import { Choice, Field, More, Status, Table } from "./parts.js";

/** Rows that are listed until more are asked for. */
const FIRST = 50;
/** Of more steps than these, a list is what one wants first. */
const MANY = 80;

/**
 * @param {{execution: any, plan: any, chosen: string|null, choose: (id: string) => void}} props
 * `plan` is what depends on what; null: that is not known
 */
export function Steps({ execution, plan, chosen, choose }) {
  const [listed, setListed] = useState(execution.steps.length > MANY);
  const button = (/** @type {string} */ label, /** @type {boolean} */ list) => html`<button type="button"
    class="button small" aria-pressed=${listed === list} onClick=${() => setListed(list)}>${label}</button>`;
  return html`<div class="switch" role="group" aria-label="How steps are shown">
      ${button("Graph", false)}${button("List", true)}
    </div>
    ${
      listed
        ? html`<${List} steps=${execution.steps} chosen=${chosen} choose=${choose} />`
        : html`<${Drawn} execution=${execution} plan=${plan} chosen=${chosen} choose=${choose} />`
    }`;
}

function Drawn({ execution, plan, chosen, choose }) {
  const byId = new Map(execution.steps.map((step) => [step.id, step]));
  const shape = useMemo(() => shapeOf(execution.steps, plan), [plan, execution.steps.length]);
  const sub = (/** @type {string} */ id) => {
    const step = byId.get(id);
    return step?.started_at ? duration(between(step.started_at, step.finished_at)) : "";
  };
  return html`<${Graph} nodes=${shape.nodes} levels=${shape.levels} chosen=${chosen} choose=${choose}
    status=${(id) => byId.get(id)?.status} sub=${sub} />`;
}

/**
 * The graph is the plan's, if it has the steps of the execution; else they stand one behind the other.
 * @param {any[]} steps
 * @param {any} plan
 */
function shapeOf(steps, plan) {
  const ids = new Set(steps.map((step) => step.id));
  const nodes = plan?.graph.nodes.filter((node) => ids.has(node.id)) ?? [];
  if (nodes.length === steps.length) return { nodes, levels: plan.order };
  const alone = steps.map((step) => ({ id: step.id, action: step.action, depends_on: [] }));
  return { nodes: alone, levels: alone.map((node) => [node.id]) };
}

/** What one wants to see first: what failed, then what goes on. */
const rank = (/** @type {any} */ step) =>
  step.status === "failed" ? 0 : ["running", "waiting", "retrying"].includes(step.status) ? 1 : 2;

const columnsOf = (/** @type {string|null} */ chosen, /** @type {(id: string) => void} */ choose) => [
  {
    title: "Step",
    cell: (step) => html`<button type="button" class="link" aria-pressed=${step.id === chosen}
      onClick=${() => choose(step.id)}>${step.id}</button>`,
  },
  { title: "Status", cell: (step) => html`<${Status} status=${step.status} />` },
  { title: "Action", cell: (step) => html`<code>${step.action}</code>` },
  { title: "Attempts", cell: (step) => html`<span>${step.attempts}</span>` },
  { title: "Took", cell: (step) => html`<span>${duration(between(step.started_at, step.finished_at))}</span>` },
];

function List({ steps, chosen, choose }) {
  const [words, setWords] = useState("");
  const [status, setStatus] = useState("");
  const [all, setAll] = useState(false);
  const statuses = [...new Set(steps.map((step) => step.status))].map((one) => [one, one]);
  const fits = (/** @type {any} */ step) =>
    `${step.id} ${step.action}`.includes(words.trim()) && (!status || step.status === status);
  const found = steps.filter(fits).sort((a, b) => rank(a) - rank(b));
  const rows = all ? found : found.slice(0, FIRST);
  const typed = (event) => setWords(event.target.value);
  return html`<div class="filters body">
      <${Field} id="step-words" label="Find a step">
        <input id="step-words" type="search" class="input" value=${words} onInput=${typed} />
      <//>
      <${Choice} id="step-status" label="Status of steps" value=${status} of=${statuses} change=${setStatus} />
    </div>
    <div class="tall">
      <${Table} label="Steps" columns=${columnsOf(chosen, choose)} rows=${rows} empty=${html`<p>No step fits.</p>`} />
      <${More} all=${all} count=${found.length} first=${FIRST} set=${setAll} />
    </div>`;
}
