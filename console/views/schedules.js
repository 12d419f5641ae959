// What is executed by itself: when next, how the last time went, and why it does not fire.
import { html } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { change, read, remove } from "../lib/stored.js";
import {
  Action, Asking, Card, Failure, Json, Loaded, Notice, Status, Table, Time, useLoaded, usePages,
} from "../ui/parts.js";
import { ScheduleForm } from "./schedule-form.js";

const NONE = "No schedules. One executes an intent by itself, at the times that you name.";
const COLUMNS = [
  { title: "Name", cell: (row) => html`<a href=${to(["schedules", row.name])}>${row.name}</a>` },
  { title: "Status", cell: (row) => html`<${Status} status=${row.status} />` },
  { title: "Intent", cell: (row) => html`<a href=${to(["intents", row.intent])}>${row.intent}</a>` },
  { title: "When", cell: (row) => html`<span><code>${row.cron}</code> ${row.timezone}</span>` },
  { title: "Next", cell: (row) => html`<${Time} at=${row.next_fire_times[0]} />` },
  { title: "Last execution", cell: (row) => html`<${Last} schedule=${row} />` },
];
const path = (/** @type {string} */ name) => `/schedules/${part(name)}`;

export function Schedules({ me }) {
  const pages = usePages((cursor) => get("/schedules", { cursor, limit: 100 }), []);
  const empty = html`<p>${pages.loading ? "Loading…" : NONE}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Schedules</h1>
      ${me.operations.includes("schedules.manage")
        ? html`<a class="button primary" href=${to(["schedules", "new", "add"])}>Add a schedule</a>` : null}</div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Schedules" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function SchedulePage({ place, me }) {
  const [, name, what] = place.path;
  const state = useLoaded(async () => (what === "add" ? { value: null, tag: "" } : read(path(name))), [name]);
  if (what && !me.operations.includes("schedules.manage")) return html`<h1>You may not change schedules</h1>`;
  return html`<${Loaded} of=${state}>${({ value, tag }) => (what
    ? html`<${ScheduleForm} key=${tag} schedule=${value} tag=${tag} me=${me} reload=${state.reload}
        intent=${place.query.get("intent") ?? ""} />`
    : html`<${Schedule} schedule=${value} tag=${tag} me=${me} reload=${state.reload} />`)}<//>`;
}

function Schedule({ schedule, tag, me, reload }) {
  return html`<div class="stack">
    <div class="page-head">
      <div><h1>${schedule.name}</h1>
        <p class="meta"><${Status} status=${schedule.status} /><span>${schedule.description}</span></p></div>
      ${me.operations.includes("schedules.manage")
        ? html`<${Steering} schedule=${schedule} tag=${tag} reload=${reload} />` : null}
    </div>
    <${Standing} schedule=${schedule} />
    <div class="columns"><${When} schedule=${schedule} /><${What} schedule=${schedule} /></div>
  </div>`;
}

/** Why it does not fire, and what to do. */
function Standing({ schedule: { status, reason } }) {
  if (!reason || status === "paused") return null;
  const tone = status === "failing" || status === "blocked" ? "bad" : "warn";
  return html`<${Notice} tone=${tone} role="status" title="It is ${status}"><p>${reason}</p><//>`;
}

function When({ schedule }) {
  const times = schedule.next_fire_times;
  return html`<${Card} title="When"><dl class="facts">
    <dt>Cron</dt><dd><code>${schedule.cron}</code></dd>
    <dt>Time zone</dt><dd>${schedule.timezone}</dd>
    <dt>Next</dt><dd>${times.length ? html`<${Times} times=${times} zone=${schedule.timezone} />` : "At no time"}</dd>
    ${schedule.start ? html`<dt>Not before</dt><dd>${moment(schedule.start, schedule.timezone)}</dd>` : null}
    ${schedule.end ? html`<dt>Not after</dt><dd>${moment(schedule.end, schedule.timezone)}</dd>` : null}
    <dt>Overlap</dt><dd>${OVERLAPS[schedule.overlap]}</dd>
    <dt>Missed times</dt><dd>${missed(schedule.catch_up)}</dd>
    ${schedule.waiting.length
      ? html`<dt>Waiting</dt><dd><${Times} times=${schedule.waiting} zone=${schedule.timezone} /></dd>` : null}
  </dl><//>`;
}

/** @type {Record<string, string>} */
const OVERLAPS = {
  skip: "Times at which the last execution goes on are left out",
  queue: "Times at which the last execution goes on wait",
  allow: "Each time is executed, whatever else goes on",
};

function missed(/** @type {number} */ most) {
  if (most === 0) return "Left out";
  return most === 1 ? "The latest one is made up" : `The latest ${most} are made up`;
}

function What({ schedule }) {
  const last = schedule.last_execution, skip = schedule.last_skip, error = schedule.last_error;
  const at = (/** @type {string} */ time) => moment(time, schedule.timezone);
  return html`<${Card} title="What"><div class="stack">
    <dl class="facts">
      <dt>Intent</dt><dd><a href=${to(["intents", schedule.intent])}>${schedule.intent}</a></dd>
      <dt>In the name of</dt><dd>${schedule.updated_by}</dd>
      <dt>Last execution</dt><dd>${last
        ? html`<a href=${to(["executions", last.execution_id])}>${at(last.scheduled_at)}</a>` : "None yet"}</dd>
      <dt>Others</dt><dd><a href=${to(["executions"], { intent: schedule.intent })}>All of this intent</a></dd>
      ${skip ? html`<dt>Last left out</dt><dd>${at(skip.scheduled_at)}: ${SKIPS[skip.reason]}</dd>` : null}
      ${error ? html`<dt>Last error</dt><dd>${at(error.scheduled_at)}: ${error.message}</dd>` : null}
      <dt>Changed</dt><dd><${Time} at=${schedule.updated_at} /></dd>
      <dt>Made</dt><dd><${Time} at=${schedule.created_at} /> by ${schedule.created_by}</dd>
    </dl>
    ${Object.keys(schedule.parameters).length
      ? html`<h3>Parameters</h3><${Json} label="Parameters" value=${schedule.parameters} />` : null}
  </div><//>`;
}

/** @type {Record<string, string>} */
const SKIPS = {
  missed: "it was found too late",
  overlap: "the last execution went on",
  queue_full: "a hundred times were waiting",
};

/** A time in words, where the schedule is; in UTC, if this browser does not know where that is. */
export function moment(/** @type {string} */ time, /** @type {string} */ zone) {
  const words = (/** @type {string} */ timeZone) => new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone,
  }).format(new Date(time));
  try { return words(zone); } catch { return `${words("UTC")} UTC`; }
}

export const Times = ({ times, zone }) => html`<ol class="times">${times.map((time) => html`<li key=${time}>
  <span>${moment(time, zone)}</span><span class="muted small"><${Time} at=${time} /></span></li>`)}</ol>`;

function Last({ schedule }) {
  const last = schedule.last_execution;
  if (!last) return html`<span>–</span>`;
  return html`<a href=${to(["executions", last.execution_id])}><${Time} at=${last.started_at} /></a>`;
}

/** What is put for a schedule to be as it is. */
export function wanted(/** @type {any} */ schedule) {
  const { intent, cron, timezone, parameters, overlap, catch_up, paused, start, end, description } = schedule;
  return { intent, cron, timezone, parameters, overlap, catch_up, paused, start, end, description };
}

function Steering({ schedule, tag, reload }) {
  const { name, paused } = schedule;
  const put = async (/** @type {boolean} */ rests) => {
    await change(path(name), { ...wanted(schedule), paused: rests }, tag);
    await reload();
  };
  const run = async () => { await remove(path(name)); go(to(["schedules"])); };
  return html`<div class="actions">
    ${paused
      ? html`<${Asking} label="Resume" kind="primary" title="Resume ${name}?" confirm="Resume it" done="It goes on."
          text="It then executes in your name. Nothing of the time that it rested is made up."
          run=${() => put(false)} />`
      : html`<${Asking} label="Pause" title="Pause ${name}?" confirm="Pause it" done="It rests."
          text="Nothing of the time that it rests is made up. What runs goes on." run=${() => put(true)} />`}
    <a class="button" href=${to(["schedules", name, "edit"])}>Change</a>
    <${Asking} label="Delete" kind="danger" title="Delete ${name}?" confirm="Delete it" done="Deleted."
      text="The executions that it has started go on." run=${run} />
  </div>`;
}
