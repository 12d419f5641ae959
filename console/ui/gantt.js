// When each step ran, one beneath the other on one axis.
import { html } from "../vendor/preact.js";
import { between, duration, tone } from "../lib/format.js";

export function Gantt({ execution }) {
  const begun = execution.steps.filter((step) => step.started_at);
  const start = new Date(execution.started_at ?? execution.created_at).getTime();
  const end = execution.finished_at ? new Date(execution.finished_at).getTime() : Date.now();
  const share = (/** @type {string|null} */ time) => Math.min(100, Math.max(0, (((time ? new Date(time).getTime() : end) - start) / Math.max(1, end - start)) * 100));
  if (!begun.length) return html`<p class="muted">No step has begun.</p>`;
  return html`<ol class="gantt">${begun.map((step) => {
    const left = share(step.started_at), right = share(step.finished_at);
    const took = between(step.started_at, step.finished_at);
    return html`<li key=${step.id} data-tone=${tone(step.status)}>
      <span class="name" title=${step.id}>${step.id}</span>
      <span class="track"><span class="span" style=${{ left: `${left}%`, width: `${Math.max(0.5, right - left)}%` }}></span></span>
      <span class="time">${duration(took)}</span>
    </li>`;
  })}</ol>`;
}
