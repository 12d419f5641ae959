// What an execution's events have told so far, step by step: each event is taken once, however many there are.

/** @typedef {{number: number, from: string, to: string|null, status: string}} Attempt */
/** @typedef {{from: string, to: string|null}} Span */
/** @typedef {{total: number|null, running: number, completed: number, failed: number}} Items */
/**
 * @typedef {{
 *   status: string|null, at: string, attempts: Attempt[], undoing: Attempt[], waits: Span[], items: Items|null,
 * }} StepTold `at`: when its status was told
 */

/** @type {Record<string, string>} what an event makes of its step */
const MAKES = {
  step_started: "running",
  step_completed: "completed",
  step_skipped: "skipped",
  step_retrying: "retrying",
  step_failed: "failed",
  step_compensated: "compensated",
  approval_requested: "waiting",
};
/** @type {Record<string, string>} how an event ends its step's attempt */
const ENDS = { step_completed: "completed", step_failed: "failed", step_retrying: "failed", step_skipped: "skipped" };
/** @type {Record<string, string>} */
const UNDONE = { step_compensated: "compensated", step_compensation_failed: "failed" };

const OVER = ["completed", "failed", "skipped"];

export class Told {
  constructor() {
    /** @type {any[]} */
    this.events = [];
    /** @type {Map<string, StepTold>} */
    this.steps = new Map();
    this.progress = /** @type {any} */ (null);
    this.progressAt = "";
  }

  /** @param {any} event */
  add(event) {
    this.events.push(event);
    if (event.progress) {
      this.progress = event.progress;
      this.progressAt = event.time;
    }
    if (!event.step) return;
    const step = this.step(event.step);
    if (event.type.startsWith("item_")) {
      count(step, event);
      return;
    }
    if (MAKES[event.type]) {
      step.status = MAKES[event.type];
      step.at = event.time;
    }
    attempted(step, event);
  }

  /** @param {string} id @returns {StepTold} */
  step(id) {
    const known = this.steps.get(id);
    if (known) return known;
    const made = { status: null, at: "", attempts: [], undoing: [], waits: [], items: null };
    this.steps.set(id, made);
    return made;
  }

  /** The execution with what was told behind its last reading. @param {any} execution */
  brought(execution) {
    const steps = execution.steps.map((step) => behind(step, this.steps.get(step.id)));
    const newer = this.progress && ended(this.progress) >= ended(execution.progress);
    const progress = newer ? { ...execution.progress, ...this.progress } : execution.progress;
    const over = new Set(steps.filter((step) => OVER.includes(step.status)).map((step) => step.id));
    return { ...execution, steps, progress, waiting: execution.waiting.filter((one) => !over.has(one.step)) };
  }
}

const ended = (/** @type {any} */ progress) => progress.completed + progress.failed + progress.skipped;

/** @param {StepTold} step @param {any} event */
function attempted(step, event) {
  const { type, time } = event;
  if (type === "step_started") {
    step.attempts.push({ number: event.attempt ?? 1, from: time, to: null, status: "running" });
    if (event.items != null) step.items = { total: event.items, running: 0, completed: 0, failed: 0 };
  } else if (ENDS[type]) end(step.attempts, time, ENDS[type]);
  else if (type === "step_compensating")
    step.undoing.push({ number: event.attempt ?? 1, from: time, to: null, status: "running" });
  else if (UNDONE[type]) end(step.undoing, time, UNDONE[type]);
  else if (type === "approval_requested") step.waits.push({ from: time, to: null });
  else if (type === "approval_decided" && event.approval?.status !== "waiting") end(step.waits, time, "");
}

/** @param {any[]} spans @param {string} time @param {string} status */
function end(spans, time, status) {
  const last = spans.at(-1);
  if (last && last.to === null) Object.assign(last, { to: time, status });
}

/** @param {StepTold} step @param {any} event */
function count(step, event) {
  step.items ??= { total: null, running: 0, completed: 0, failed: 0 };
  if (event.type === "item_started") step.items.running += 1;
  else if (["item_completed", "item_failed", "item_retrying"].includes(event.type)) step.items.running -= 1;
  if (event.type === "item_completed") step.items.completed += 1;
  if (event.type === "item_failed") step.items.failed += 1;
}

/** A step, unless it has been read since it was told of. @param {any} step @param {StepTold|undefined} told */
function behind(step, told) {
  if (!told?.status || told.status === step.status || told.at <= (step.finished_at ?? step.started_at ?? ""))
    return step;
  const over = OVER.includes(told.status),
    began = told.status === "running";
  const holds = step.waiting.some((one) => one.for !== "dependency");
  if (holds && !over) return step;
  return {
    ...step,
    status: told.status,
    waiting: over ? [] : step.waiting,
    attempts: Math.max(step.attempts, told.attempts.length),
    started_at: began ? told.at : step.started_at,
    finished_at: over ? (step.finished_at ?? told.at) : step.finished_at,
  };
}
