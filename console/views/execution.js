// One execution as it goes: the cause of a failure first, then what it waits for, the steps, the times, the events.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { follow } from "../lib/events.js";
import { between, cause, duration, ENDED, full, waiting } from "../lib/format.js";
import { keep, to } from "../lib/router.js";
import { Told } from "../lib/told.js";
import { Approval } from "../ui/approval.js";
import { Copy } from "../ui/copy.js";
import { Events } from "../ui/events.js";
import { Gantt } from "../ui/gantt.js";
import { Card, Json, Loaded, Notice, Status, Table, Time, useLoaded, useTick } from "../ui/parts.js";
import { Steps } from "../ui/steps.js";
import { Value } from "../ui/value.js";
import { Steering } from "./steering.js";
import { StepCard } from "./step.js";

/** Milliseconds after an event in which the execution is asked for again: after one that people wait for, and after
 * others, of which there may be many: requests are counted. Until then, events say how steps stand. */
const SOON = 120,
  SELDOM = 2500;
/** Milliseconds in which events are gathered before they are shown: at least, at most, and how many times as long as
 * showing them takes, so that a page of hundreds of steps has time for whoever uses it. */
const GATHER = 100, MOST_GATHER = 1500, SPARE = 5;
/** Milliseconds between two sentences for screen readers. */
const QUIET = 10_000;
const MOST_WAITS = 5;
/** Milliseconds of a frame, which showing nothing takes, too. */
const FRAME = 17;

export function ExecutionPage({ place, me }) {
  const [, id, step = null] = place.path;
  const path = `/executions/${part(id)}`;
  const state = useLoaded(() => get(path), [id]);
  const stream = useTold(path, id, state.reload);
  return html`<${Loaded} of=${state}>${(
    execution,
  ) => html`<${Shown} execution=${stream.told.brought(execution)} stream=${stream}
    reload=${state.reload} me=${me} step=${step} />`}<//>`;
}

/**
 * What the events have told so far, and whether more come; `changed` is called soon after one has come.
 * @param {string} path @param {string} id @param {() => void} changed
 */
function useTold(path, id, changed) {
  const told = useRef(new Told());
  const [count, setCount] = useState(0);
  const [live, setLive] = useState(false);
  useEffect(() => {
    told.current = new Told();
    let reading = 0, due = Infinity, showing = 0, gather = GATHER;
    const show = () => {
      showing = 0;
      const begun = performance.now();
      setCount(told.current.events.length);
      requestAnimationFrame(() => setTimeout(() => {
        gather = Math.min(MOST_GATHER, Math.max(GATHER, SPARE * (performance.now() - begun - FRAME)));
      }));
    };
    const read = () => {
      due = Infinity;
      changed();
    };
    const stop = follow(`${path}/events`, {
      event: (event) => {
        told.current.add(event);
        showing ||= setTimeout(show, gather);
        const often = event.type.startsWith("step_") || event.type.startsWith("item_");
        const at = Date.now() + (often ? SELDOM : SOON);
        if (at >= due) return;
        clearTimeout(reading);
        due = at;
        reading = setTimeout(read, at - Date.now());
      },
      state: setLive,
    });
    return () => {
      stop();
      clearTimeout(reading);
      clearTimeout(showing);
    };
  }, [id]);
  return { told: told.current, count, live };
}

function Shown({ execution, stream, reload, me, step: linked }) {
  const { steps } = execution;
  const [chosen, setChosen] = useState(/** @type {string|null} */ (linked));
  const going = !ENDED.includes(execution.status);
  useTick(going);
  const failed = causeOf(execution);
  const first = failed?.id ?? steps.find((step) => step.status === "waiting")?.id;
  const step = steps.find((one) => one.id === (chosen ?? first)) ?? null;
  const choose = (/** @type {string} */ id) => {
    setChosen(id);
    keep(to(["executions", execution.execution_id, id]));
  };
  const plan = usePlan(execution);
  const node = plan.value?.graph.nodes.find((one) => one.id === step?.id);
  return html`<div class="stack">
    <${Head} execution=${execution} reload=${reload} me=${me} />
    <${Spoken} execution=${execution} />
    <${Cause} execution=${execution} failed=${failed} choose=${choose} />
    <${Answers} steps=${steps} />
    ${steps
      .filter((one) => one.approval?.status === "waiting")
      .map(
        (one) => html`<${Approval} key=${one.id}
      execution=${execution} step=${one} reload=${reload} me=${me} />`,
      )}
    ${going ? html`<${Waits} execution=${execution} />` : null}
    <${Card} title="Steps" flush aside=${html`<${Progress} execution=${execution} />`}>
      ${
        plan.loading
          ? html`<div class="graph"><span class="muted">Drawing…</span></div>`
          : html`<${Steps} execution=${execution} plan=${plan.value} chosen=${step?.id ?? null} choose=${choose} />`
      }
    <//>
    <div class="columns">
      ${
        step
          ? html`<${StepCard} key=${step.id} execution=${execution} step=${step} node=${node}
        told=${stream.told.steps.get(step.id)} first=${step === failed} me=${me} />`
          : null
      }
      <${Card} title="Timeline"><${Gantt} execution=${execution} told=${stream.told} choose=${choose} /><//>
    </div>
    <${Children} execution=${execution} count=${steps.filter((one) => one.child).length} />
    <div class="columns">
      <${Card} title="Events" flush aside=${html`<${Live} live=${stream.live} going=${going} />`}>
        <${Events} events=${stream.told.events} count=${stream.count} />
      <//>
      <${Given} execution=${execution} />
    </div>
  </div>`;
}

/** Where what was deployed takes requests, as steps say it. @param {{steps: any[]}} props */
function Answers({ steps }) {
  const found = steps.filter((step) => step.status === "completed" && /^https?:\/\//.test(step.outputs?.address ?? ""));
  if (!found.length) return null;
  return html`<${Notice} tone="ok" role="status" title="It answers">
    ${found.map(
      ({ id, outputs }) => html`<p key=${id}>
        <a href=${outputs.address} target="_blank" rel="noreferrer">${outputs.address}</a>
        <span class="muted small"> ${id}</span>
      </p>`,
    )}
  <//>`;
}

/** The step that failed first: what came after it was stopped by it. @param {any} execution */
function causeOf(execution) {
  const failed = execution.steps.filter((step) => step.status === "failed");
  return failed.find((step) => step.id === execution.error?.step) ?? failed[0];
}

/** What depends on what, and what the definition says of each step: of the version that was executed. */
function usePlan(/** @type {any} */ execution) {
  const path = `/intents/${part(execution.intent_id)}/plan`;
  return useLoaded(() => post(path, { parameters: execution.parameters }).catch(() => null), [execution.execution_id]);
}

function Head({ execution, reload, me }) {
  const { execution_id: id, parent, schedule } = execution;
  const link = (/** @type {string} */ other, /** @type {string} */ text, /** @type {string[]} */ ...behind) =>
    html`<a href=${to(["executions", other, ...behind])}>${text}</a>`;
  return html`<div class="page-head">
    <div>
      <h1>${execution.intent_id}</h1>
      <div class="meta">
        <${Status} status=${execution.status} />
        <span><${Time} at=${execution.created_at} /> by ${execution.created_by}</span>
        <span>${duration(between(execution.started_at, execution.finished_at))}</span>
        ${execution.dry_run ? html`<span class="tag">dry run</span>` : null}
        ${parent ? link(parent.execution_id, `for step ${parent.step} of another`, parent.step) : null}
        ${schedule ? html`<a href=${to(["schedules", schedule.name])}>by schedule ${schedule.name}</a>` : null}
        ${execution.retry_of ? link(execution.retry_of, "retry of an earlier one") : null}
        ${execution.retried_by ? link(execution.retried_by, "was retried") : null}
        <a href=${to(["intents", execution.intent_id.replace(/-v\d+$/, "")])}>its intent</a>
      </div>
      <div class="meta"><${Copy} text=${id} what="the execution's id" /></div>
    </div>
    <${Steering} execution=${execution} reload=${reload} me=${me} />
  </div>`;
}

/** How it stands, for screen readers: at once when that is another state, else now and then. */
function Spoken({ execution }) {
  const { completed, skipped, failed, total } = execution.progress;
  const words = `${execution.status}: ${completed + skipped} of ${total} steps${failed ? `, ${failed} failed` : ""}`;
  const latest = useRef(words);
  const [said, say] = useState(words);
  latest.current = words;
  useEffect(() => say(latest.current), [execution.status]);
  useEffect(() => {
    const timer = setInterval(() => say(latest.current), QUIET);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="hidden-label" role="status">${said}</p>`;
}

function Cause({ execution, failed, choose }) {
  if (!execution.error && !failed?.error) return null;
  const error = failed?.error ?? execution.error;
  const child = error.child?.execution_id;
  return html`<${Notice} role="status"
    title=${failed ? `Step ${failed.id} failed` : `The execution ${execution.status}`}>
    <p>${cause(error)}</p>
    <p class="small muted">
      ${error.code ? html`<code>${error.code}</code> ` : null}
      ${failed ? `${failed.action}, attempt ${failed.attempts}, ${full(failed.finished_at)}` : null}
    </p>
    <div class="actions">
      ${failed ? html`<button type="button" class="link" onClick=${() => choose(failed.id)}>Look at the step</button>`
        : null}
      ${child ? html`<a href=${to(["executions", child])}>Look at the child that failed</a>` : null}
    </div>
  <//>`;
}

function Waits({ execution }) {
  const waits = execution.waiting.filter((one) => one.for !== "approval");
  if (!waits.length) return null;
  const more = waits.length - MOST_WAITS;
  return html`<${Notice} tone="idle" role="note" title="Why it waits"><ul>
    ${waits.slice(0, MOST_WAITS).map((one) =>
      html`<li>${one.step ? html`<b>${one.step}</b> waits for ` : "It waits for "}${waiting(one)}</li>`)}
    ${more > 0 ? html`<li class="muted">and ${more} more; the list of steps has them</li>` : null}
  </ul><//>`;
}

function Progress({ execution }) {
  const { total, completed, skipped, failed, percent, expected_at } = execution.progress;
  const soon = expected_at && !ENDED.includes(execution.status);
  return html`<span class="muted small progress-line">
    <progress class="progress" data-tone=${failed ? "bad" : "ok"} max="100" value=${percent}
      aria-label="Steps that have ended, in percent"></progress>
    ${completed + skipped} of ${total}${failed ? `, ${failed} failed` : ""} (${percent} %)
    ${soon ? html`, done <${Time} at=${expected_at} />` : null}
  </span>`;
}

function Live({ live, going }) {
  return html`<span class="live" data-on=${live}>${live ? "live" : going ? "connecting" : "ended"}</span>`;
}

const CHILDREN = [
  { title: "Intent", cell: (row) => html`<a href=${to(["executions", row.execution_id])}>${row.intent_id}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  {
    title: "For step",
    cell: (row) =>
      html`<span>${row.parent?.step}${row.parent?.item == null ? "" : `, item ${row.parent.item + 1}`}</span>`,
  },
  { title: "Took", cell: (row) => html`<span>${duration(between(row.started_at, row.finished_at))}</span>` },
];

/** The executions that its steps have asked for. */
function Children({ execution, count }) {
  const asks = execution.steps.some((step) => step.action === "run-intent" && step.attempts);
  const list = useLoaded(
    async () => (asks ? get("/executions", { parent: execution.execution_id, limit: 50 }) : { items: [] }),
    [execution.execution_id, asks, count, execution.status],
  );
  if (!asks || !list.value?.items.length) return null;
  return html`<${Card} title="Child executions" flush>
    <${Table} label="Child executions" columns=${CHILDREN} rows=${list.value.items} empty=${null} />
  <//>`;
}

function Given({ execution }) {
  const command = `quantum executions watch ${execution.execution_id}`;
  return html`<${Card} title="Inputs and outputs"><div class="stack">
    <div><h3>Parameters</h3><${Json} label="Parameters" value=${execution.parameters} /></div>
    ${execution.outputs
      ? html`<div><h3>Outputs</h3><${Value} label="Outputs" value=${execution.outputs} /></div>`
      : null}
    <div><h3>In a terminal</h3><${Copy} text=${command} what="the command" /></div>
  </div><//>`;
}
