// The form that makes or changes a schedule: its parameters are those that the intent's JSON Schema names.
import { html } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { controls, initial, values } from "../lib/schema.js";
import { change, create } from "../lib/stored.js";
import { Control } from "../ui/execute.js";
import { Check, Choice, Saving, Sheet, Text, useForm } from "../ui/forms.js";
import { useLoaded, useSettled, useToasts } from "../ui/parts.js";
import { Times } from "./schedules.js";

const CRON = "Minute, hour, day of month, month, day of week: 30 2 * * 1-5 is 02:30 from Monday to Friday. Or @daily.";
const FRESH = {
  name: "", intent: "", cron: "", timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, parameters: {},
  overlap: "skip", catch_up: 1, paused: false, start: null, end: null, description: "",
};
const OVERLAPS = [
  ["skip", "is left out"], ["queue", "waits until that has ended"], ["allow", "is executed all the same"],
];
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** @param {any} props `schedule` is null for a new one, which may begin with an `intent` */
export function ScheduleForm({ schedule, tag, me, reload, intent: named }) {
  const was = schedule ?? { ...FRESH, intent: named };
  const shown = { catch_up: String(was.catch_up), start: local(was.start), end: local(was.end) };
  const form = useForm({ ...was, ...shown, typed: {} });
  const { tell } = useToasts();
  const intent = useIntent(form.state.intent);
  const schema = intent.value?.definition.parameters ?? {};
  const given = typed(schema, form.state.typed, was.parameters);
  const save = form.submit(async (state) => {
    const body = {
      intent: state.intent.trim(), cron: state.cron.trim(), timezone: state.timezone, overlap: state.overlap,
      catch_up: Number(state.catch_up), paused: state.paused, description: state.description,
      start: absolute(state.start, was.start), end: absolute(state.end, was.end), parameters: values(schema, given),
    };
    const path = `/schedules/${part(state.name)}`;
    await (schedule ? change(path, body, tag) : create(path, body));
    tell("ok", `${state.name} executes in your name.`);
    go(to(["schedules", state.name]));
  });
  return html`<div class="stack"><h1>${schedule ? `Change ${schedule.name}` : "Add a schedule"}</h1>
    <${Sheet} save=${save}>
    ${schedule ? null : html`<${Text} form=${form} name="name" label="Name" required autocomplete="off" maxlength="63"
      hint="Small letters, digits and -" />`}
    <${Text} form=${form} name="description" label="What it is for" />
    <${Text} form=${form} name="intent" label="Intent" required list="intents" autocomplete="off"
      hint="A name is its active version at that time; an id, such as report-v2, is that version" />
    <datalist id="intents">${intent.names.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
    <${Parameters} form=${form} schema=${schema} given=${given} />
    <div class="columns">
      <${Text} form=${form} name="cron" label="Cron" required mono autocomplete="off" hint=${CRON} />
      <${Text} form=${form} name="timezone" label="Time zone" required list="zones" autocomplete="off" />
      <datalist id="zones">${ZONES.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
    </div>
    <div class="columns">
      <${Text} form=${form} name="start" label="Not before" type="datetime-local" hint="By your own clock" />
      <${Text} form=${form} name="end" label="Not after" type="datetime-local" hint="By your own clock" />
    </div>
    <${Preview} state=${form.state} was=${was} />
    <div class="columns">
      <${Choice} form=${form} name="overlap" label="A time at which its last execution goes on" options=${OVERLAPS} />
      <${Text} form=${form} name="catch_up" label="Missed times that are made up" type="number" min="0" max="100"
        hint="The latest ones, when the platform was away" />
    </div>
    <${Check} form=${form} name="paused" label="It rests until somebody resumes it" />
    <p class="muted small">It executes in your name, ${me.principal}, with the roles that you have then.</p>
    <${Saving} form=${form} label=${schedule ? "Save" : "Add it"} reload=${schedule ? reload : null}>
      <a class="button quiet" href=${to(schedule ? ["schedules", schedule.name] : ["schedules"])}>Not now</a>
    <//>
  <//></div>`;
}

/** When it would fire, as the platform says of what is typed. */
function Preview({ state, was }) {
  const asked = useSettled(JSON.stringify({
    cron: state.cron.trim(), timezone: state.timezone,
    start: absolute(state.start, was.start), end: absolute(state.end, was.end),
  }));
  const body = JSON.parse(asked);
  const found = useLoaded(async () => {
    if (!body.cron) return null;
    return { zone: body.timezone, times: (await post("/schedules/preview", body)).next_fire_times };
  }, [asked]);
  const { zone, times } = found.value ?? { zone: "", times: [] };
  return html`<section class="preview" aria-label="When it would fire" aria-live="polite">
    <h2>It would fire</h2>
    ${found.error
      ? html`<ul class="wrong">${told(found.error).map((one) => html`<li key=${one}>${one}</li>`)}</ul>`
      : times.length
        ? html`<${Times} times=${times} zone=${zone} />`
        : html`<p class="muted">${found.value ? "At no time" : "Write a cron expression to see when"}</p>`}
  </section>`;
}

const told = (/** @type {any} */ error) =>
  (error.errors?.length ? error.errors.map((/** @type {any} */ one) => one.message) : [error.message]);

/** The intent that is named, if there is one, and the names of some that fit. @param {string} name */
function useIntent(name) {
  const settled = useSettled(name.trim());
  const found = useLoaded(() => get("/intents", { q: settled, status: "active", limit: 20 }), [settled]);
  const one = useLoaded(async () => (settled ? get(`/intents/${part(settled)}`).catch(() => null) : null), [settled]);
  return { value: one.value, names: (found.value?.items ?? []).map((intent) => intent.name) };
}

/** What the controls show: what was typed, or else what is stored, or else the schema's default. */
function typed(/** @type {any} */ schema, /** @type {any} */ given, /** @type {any} */ stored) {
  return Object.fromEntries(controls(schema).map(({ name, schema: one }) => {
    const shown = name in stored ? { ...one, default: stored[name] } : one;
    return [name, given[name] ?? initial(shown)];
  }));
}

function Parameters({ form, schema, given }) {
  const fields = controls(schema);
  const set = (/** @type {string} */ name) => (value) => form.set("typed", { ...form.state.typed, [name]: value });
  if (!fields.length) return null;
  return html`<fieldset class="group"><legend>Parameters of ${form.state.intent}</legend>${fields.map((one) => html`
    <${Control} key=${one.name} ...${one} value=${given[one.name]} wrong=${form.wrong(`/parameters/${one.name}`)}
      change=${set(one.name)} />`)}</fieldset>`;
}

/** A stored time as `datetime-local` has it, by the browser's clock. */
function local(/** @type {string|null} */ time) {
  if (!time) return "";
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/**
 * What was chosen, as RFC 3339; what is stored, if that is what is shown.
 * @param {string} chosen @param {string|null} stored
 */
function absolute(chosen, stored) {
  if (chosen === local(stored)) return stored;
  return chosen ? new Date(chosen).toISOString() : null;
}
