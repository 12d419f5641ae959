// When each step ran, one beneath the other on one axis: its attempts, the waiting between them, what undid it.
import { html, useRef, useState } from "../vendor/preact.js";
import { between, duration, tone } from "../lib/format.js";
import { More, useWidth } from "./parts.js";

/** Seconds that lie between two marks of the axis. */
const MARKS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400];
/** Pixels that a mark needs for its words, and those of a row that are no axis. */
const MARK = 72, BESIDE = 310;
/** Rows that are drawn until more are asked for. */
const FIRST = 60;

const ms = (/** @type {string} */ time) => new Date(time).getTime();

/** @param {{execution: any, told: import("../lib/told.js").Told, choose: (id: string) => void}} props */
export function Gantt({ execution, told, choose }) {
  const frame = useRef(/** @type {any} */ (null));
  const width = useWidth(frame);
  const begun = execution.steps.filter((step) => step.started_at && !step.kept_from);
  return html`<div class="gantt-frame" ref=${frame}>
    ${begun.length
      ? html`<${Rows} begun=${begun} execution=${execution} told=${told} choose=${choose} width=${width} />`
      : html`<p class="muted">No step has begun.</p>`}
  </div>`;
}

function Rows({ begun, execution, told, choose, width }) {
  const [all, setAll] = useState(false);
  const start = ms(execution.started_at ?? execution.created_at);
  const end = Math.max(start + 1, execution.finished_at ? ms(execution.finished_at) : Date.now());
  const share = (/** @type {string|null} */ time) => {
    const at = time ? ms(time) : end;
    return Math.min(100, Math.max(0, ((at - start) / (end - start)) * 100));
  };
  const most = Math.max(1, Math.floor((width - BESIDE) / MARK));
  return html`<${Axis} seconds=${(end - start) / 1000} most=${most} />
    <ol class="gantt">${(all ? begun : begun.slice(0, FIRST)).map(
      (step) => html`<${Row} key=${step.id} step=${step} told=${told.steps.get(step.id)}
        share=${share} choose=${choose} />`,
    )}</ol>
    <${More} all=${all} count=${begun.length} first=${FIRST} set=${setAll} />`;
}

function Axis({ seconds, most }) {
  const apart = MARKS.find((one) => seconds / one <= most) ?? seconds;
  const marks = Array.from({ length: Math.floor(seconds / apart) + 1 }, (_, at) => at * apart);
  const shown = marks.filter((mark) => mark / seconds < 0.9);
  return html`<div class="axis" aria-hidden="true"><span class="track">
    ${shown.map((mark) => html`<span style=${{ left: `${(mark / seconds) * 100}%` }}>${marked(mark)}</span>`)}
  </span></div>`;
}

const marked = (/** @type {number} */ seconds) =>
  seconds >= 1 && seconds < 60 ? `${seconds} s` : seconds ? duration(seconds) : "0";

function Row({ step, told, share, choose }) {
  const took = duration(between(step.started_at, step.finished_at));
  const attempts = step.attempts > 1 ? `, ${step.attempts} attempts` : "";
  return html`<li data-tone=${tone(step.status)}>
    <button type="button" class="name" title=${step.id} onClick=${() => choose(step.id)}>
      ${step.id}<span class="hidden-label">, ${step.status}${attempts}</span>
    </button>
    <span class="track">${spansOf(step, told).map(({ from, to, kind, ink }) => {
      const left = share(from),
        width = Math.max(0.4, share(to) - left);
      const style = { left: `${left}%`, width: `${width}%` };
      return html`<span class="span ${kind}" data-tone=${ink} style=${style}></span>`;
    })}</span>
    <span class="time">${took}</span>
  </li>`;
}

/**
 * What is drawn of a step: all of its time thinly, and upon that each attempt, each waiting, what undid it.
 * @param {any} step
 * @param {any} told
 */
function spansOf(step, told) {
  const whole = { from: step.started_at, to: step.finished_at, kind: "whole", ink: undefined };
  const attempts = told?.attempts.length
    ? told.attempts
    : [{ from: step.started_at, to: step.finished_at, status: step.status }];
  return [
    { ...whole, from: attempts[0].from },
    ...attempts.map((one) => ({ from: one.from, to: one.to ?? step.finished_at, kind: "", ink: tone(one.status) })),
    ...(told?.waits ?? []).map((one) => ({
      from: one.from,
      to: one.to ?? step.finished_at,
      kind: "waits",
      ink: "warn",
    })),
    ...(told?.undoing ?? []).map((one) => ({ ...one, kind: "undoing", ink: "warn" })),
  ];
}
