// One execution as it goes: the cause of a failure first, then what it waits for, the graph, the times, the events.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { follow } from "../lib/events.js";
import { between, cause, clock, duration, ENDED, full, tone, waiting } from "../lib/format.js";
import { go, to } from "../lib/router.js";
import { Approval } from "../ui/approval.js";
import { Gantt } from "../ui/gantt.js";
import { Graph } from "../ui/graph.js";
import { Asking, Card, Json, Loaded, Notice, Status, Time, useLoaded, useTick } from "../ui/parts.js";

const SOON = 120, SELDOM = 2500;
/** Milliseconds after an event in which the execution is asked for again: after one that people wait for, and after
 * others, of which there may be many: requests are counted. Until then, events say how steps stand. */

export function ExecutionPage({ place, me }) {
  const id = place.path[1];
  const path = `/executions/${part(id)}`;
  const state = useLoaded(() => get(path), [id]);
  const events = useEvents(path, id, state.reload);
  return html`<${Loaded} of=${state}>${(execution) => html`<${Shown} execution=${brought(execution, events.events)} events=${events} reload=${state.reload} me=${me} />`}<//>`;
}

/** @type {Record<string, string>} what an event makes of its step */
const MAKES = { step_started: "running", step_completed: "completed", step_skipped: "skipped", step_retrying: "retrying", step_failed: "failed", step_compensated: "compensated", approval_requested: "waiting" };

/** The execution with what the events behind its last reading have made of its steps. @param {any} execution @param {any[]} events */
function brought(execution, events) {
  /** @type {Map<string, any>} */
  const latest = new Map(events.filter((event) => event.step && MAKES[event.type]).map((event) => [event.step, event]));
  const steps = execution.steps.map((step) => {
    const event = latest.get(step.id);
    const known = step.finished_at ?? step.started_at ?? "";
    if (!event || event.time <= known || step.status === MAKES[event.type] || step.waiting.some((one) => one.for !== "dependency")) return step;
    const started = event.type === "step_started";
    return { ...step, status: MAKES[event.type], started_at: started ? event.time : step.started_at, finished_at: started || step.finished_at ? step.finished_at : event.type === "step_completed" || event.type === "step_failed" ? event.time : null };
  });
  return { ...execution, steps };
}

/** The events so far, and whether more come; `changed` is called soon after one has come. */
function useEvents(/** @type {string} */ path, /** @type {string} */ id, /** @type {() => void} */ changed) {
  const [events, set] = useState(/** @type {any[]} */ ([]));
  const [live, setLive] = useState(false);
  useEffect(() => {
    set([]);
    let timer = 0, due = Infinity;
    const stop = follow(`${path}/events`, {
      event: (event) => {
        set((was) => [...was, event]);
        const at = Date.now() + (event.type.startsWith("step_") ? SELDOM : SOON);
        if (at >= due) return;
        clearTimeout(timer);
        due = at;
        timer = setTimeout(() => { due = Infinity; changed(); }, at - Date.now());
      },
      state: setLive,
    });
    return () => { stop(); clearTimeout(timer); };
  }, [id]);
  return { events, live };
}

function Shown({ execution, events, reload, me }) {
  const [chosen, choose] = useState(/** @type {string|null} */ (null));
  const going = !ENDED.includes(execution.status);
  useTick(going);
  const failed = execution.steps.find((step) => step.status === "failed");
  const step = execution.steps.find((one) => one.id === (chosen ?? failed?.id ?? execution.steps.find((other) => other.status === "waiting")?.id)) ?? null;
  return html`<div class="stack">
    <${Head} execution=${execution} reload=${reload} me=${me} />
    <${Cause} execution=${execution} failed=${failed} />
    ${execution.steps.filter((one) => one.approval?.status === "waiting").map((one) => html`<${Approval} key=${one.id} execution=${execution} step=${one} reload=${reload} me=${me} />`)}
    ${going && execution.waiting.some((one) => one.for !== "approval") ? html`<${Notice} tone="idle" role="status" title="Why it waits"><ul>${execution.waiting.filter((one) => one.for !== "approval").map((one) => html`<li>${one.step ? html`<b>${one.step}</b> waits for ` : "It waits for "}${waiting(one)}</li>`)}</ul><//>` : null}
    <${Card} title="Steps" flush aside=${html`<${Progress} execution=${execution} />`}><${Steps} execution=${execution} chosen=${step?.id ?? null} choose=${choose} /><//>
    <div class="columns">
      ${step ? html`<${StepCard} key=${step.id} execution=${execution} step=${step} told=${step === failed} me=${me} />` : null}
      <${Card} title="Timeline"><${Gantt} execution=${execution} /><//>
    </div>
    <div class="columns">
      <${Card} title="Events" flush aside=${html`<span class="live" data-on=${events.live}>${events.live ? "live" : going ? "connecting" : "ended"}</span>`}><${Events} events=${events.events} /><//>
      <${Card} title="Inputs and outputs"><div class="stack tight"><h3>Parameters</h3><${Json} label="Parameters" value=${execution.parameters} />${execution.outputs ? html`<h3>Outputs</h3><${Json} label="Outputs" value=${execution.outputs} />` : null}</div><//>
    </div>
  </div>`;
}

function Head({ execution, reload, me }) {
  const path = `/executions/${part(execution.execution_id)}`;
  const may = (/** @type {string} */ operation) => me.operations.includes(operation);
  const steer = (/** @type {string} */ what) => async (/** @type {string} */ reason) => { await post(`${path}/${what}`, reason ? { reason } : {}); await reload(); };
  const going = ["pending", "running", "waiting"].includes(execution.status);
  return html`<div class="page-head">
    <div><h1>${execution.intent_id}</h1><div class="meta"><${Status} status=${execution.status} />
      <span><${Time} at=${execution.created_at} /> by ${execution.created_by}</span><span>${duration(between(execution.started_at, execution.finished_at))}</span>
      ${execution.dry_run ? html`<span class="tag">dry run</span>` : null}
      ${execution.retry_of ? html`<a href=${to(["executions", execution.retry_of])}>retry of an earlier one</a>` : null}
      ${execution.retried_by ? html`<a href=${to(["executions", execution.retried_by])}>was retried</a>` : null}
      <span class="mono">${execution.execution_id}</span></div></div>
    <div class="actions">
      ${going && may("executions.pause") ? html`<${Asking} label="Pause" title="Pause this execution?" text="Steps that run end; no other begins." field="Why (optional)" confirm="Pause it" run=${steer("pause")} done="It is paused." />` : null}
      ${execution.status === "paused" && may("executions.pause") ? html`<${Asking} label="Resume" kind="primary" title="Resume this execution?" confirm="Resume it" run=${steer("resume")} done="It goes on." />` : null}
      ${(going || execution.status === "paused") && may("executions.cancel") ? html`<${Asking} label="Cancel" kind="danger" title="Cancel this execution?" text="What has completed is undone where the intent says how." field="Why (optional)" confirm="Cancel it" run=${steer("cancel")} done="It is being cancelled." />` : null}
      ${["failed", "cancelled"].includes(execution.status) && !execution.retried_by && may("executions.retry") ? html`<${Retry} execution=${execution} kind="primary" label="Retry" title="Retry what did not end well?" />` : null}
    </div>
  </div>`;
}

function Retry({ execution, label, title, kind = "", from = null }) {
  const run = async (/** @type {string} */ reason) => {
    const made = await post(`/executions/${part(execution.execution_id)}/retry`, { ...(from ? { from } : {}), ...(reason ? { reason } : {}) });
    go(to(["executions", made.execution_id]));
  };
  return html`<${Asking} label=${label} kind=${kind} title=${title} text="A new execution keeps what ended well before, and runs the rest." field="Why (optional)" confirm="Retry" run=${run} done="A new execution has begun." />`;
}

function Cause({ execution, failed }) {
  if (!execution.error && !failed?.error) return null;
  const error = failed?.error ?? execution.error;
  return html`<${Notice} role="status" title=${failed ? `Step ${failed.id} failed` : `The execution ${execution.status}`}>
    <p>${cause(error)}</p>
    <p class="small muted">${error?.code ? html`<code>${error.code}</code> ` : null}${failed ? `${failed.action}, attempt ${failed.attempts}, ${full(failed.finished_at)}` : null}</p>
  <//>`;
}

function Progress({ execution }) {
  const { total, completed, skipped, failed, percent, expected_at } = execution.progress;
  return html`<span class="muted small">${completed + skipped} of ${total}${failed ? `, ${failed} failed` : ""} (${percent} %)${expected_at && !ENDED.includes(execution.status) ? html`, done <${Time} at=${expected_at} />` : null}</span>`;
}

/** The graph is the plan's: the execution has the states, the plan what depends on what. */
function Steps({ execution, chosen, choose }) {
  const parameters = execution.parameters;
  const plan = useLoaded(() => post(`/intents/${part(execution.intent_id)}/plan`, { parameters }).catch(() => null), [execution.execution_id]);
  const byId = new Map(execution.steps.map((step) => [step.id, step]));
  const shape = useMemo(() => {
    const nodes = plan.value?.graph.nodes.filter((node) => byId.has(node.id)) ?? [];
    if (nodes.length === execution.steps.length) return { nodes, levels: plan.value.order };
    const alone = execution.steps.map((step) => ({ id: step.id, action: step.action, depends_on: [] }));
    return { nodes: alone, levels: alone.map((node) => [node.id]) };
  }, [plan.value, execution.steps.length]);
  if (plan.loading) return html`<div class="graph"><span class="muted">Drawing…</span></div>`;
  const sub = (/** @type {string} */ id) => {
    const step = byId.get(id);
    return step?.started_at ? duration(between(step.started_at, step.finished_at)) : "";
  };
  return html`<${Graph} nodes=${shape.nodes} levels=${shape.levels} chosen=${chosen} choose=${choose} status=${(id) => byId.get(id)?.status} sub=${sub} />`;
}

function StepCard({ execution, step, told, me }) {
  const again = ["completed", "failed", "cancelled"].includes(execution.status) && !execution.retried_by && !execution.dry_run && step.attempts > 0 && me.operations.includes("executions.retry");
  return html`<${Card} title="Step ${step.id}" id="step" aside=${html`<${Status} status=${step.status} />`}>
    <div class="stack tight">
      ${step.error && !told ? html`<${Notice} role="note" title=${step.error.code ?? "Failed"}><p>${cause(step.error)}</p><//>` : null}
      <dl class="facts">
        <dt>Action</dt><dd><code>${step.action}</code></dd>
        <dt>Attempts</dt><dd>${step.attempts}</dd>
        <dt>Started</dt><dd>${full(step.started_at)}</dd>
        <dt>Took</dt><dd>${duration(step.duration)}${step.expected != null ? html` <span class="muted">(as a rule ${duration(step.expected)})</span>` : null}</dd>
        ${step.child ? html`<dt>Child</dt><dd><a href=${to(["executions", step.child])}>${step.child}</a></dd>` : null}
        ${step.kept_from ? html`<dt>Kept from</dt><dd><a href=${to(["executions", step.kept_from])}>${step.kept_from}</a></dd>` : null}
        ${step.compensation ? html`<dt>Undone</dt><dd><${Status} status=${step.compensation.status} /></dd>` : null}
        ${step.waiting.length ? html`<dt>Waits for</dt><dd>${step.waiting.map(waiting).join("; ")}</dd>` : null}
      </dl>
      ${step.approval?.decisions.length ? html`<h3>Decisions</h3><ul>${step.approval.decisions.map((one) => html`<li><${Status} status=${one.decision} /> ${one.by ?? one.principal ?? ""} ${one.comment ?? ""}</li>`)}</ul>` : null}
      ${step.outputs && Object.keys(step.outputs).length ? html`<h3>Outputs</h3><${Json} label="Outputs of ${step.id}" value=${step.outputs} />` : null}
      ${step.would ? html`<h3>Would do</h3><${Json} label="What ${step.id} would do" value=${step.would} />` : null}
      ${again ? html`<div class="actions"><${Retry} execution=${execution} label="Retry from here" title="Run ${step.id} again, and what depends on it?" from=${step.id} /></div>` : null}
    </div>
  <//>`;
}

function Events({ events }) {
  const list = useRef(null);
  useEffect(() => { if (list.current) list.current.scrollTop = list.current.scrollHeight; }, [events.length]);
  return html`<div class="events" ref=${list} role="log" aria-live="polite" aria-label="Events" tabindex="0"><ol>${events.map((event) => html`<li key=${event.cursor} data-tone=${tone(event.type.split("_").at(-1))}>
    <time datetime=${event.time}>${clock(event.time)}</time><b>${event.type.replaceAll("_", " ")}</b>
    <span>${event.step ?? ""}${event.attempt > 1 ? `, attempt ${event.attempt}` : ""}${event.error ? ` – ${cause(event.error)}` : ""}</span>
  </li>`)}</ol></div>`;
}
