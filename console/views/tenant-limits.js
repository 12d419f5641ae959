// What a tenant may have at most, and what of that it allows itself.
import { html } from "../vendor/preact.js";
import { part } from "../lib/api.js";
import { change } from "../lib/stored.js";
import { Area, Check, Saving, Text, useForm } from "../ui/forms.js";
import { Card, useToasts } from "../ui/parts.js";
import { CONCURRENT, grouped, QUOTAS, RATES } from "./tenant-usage.js";

const ANY = "any number";

/** The numbers of a ceiling or of settings, as a form holds them. */
function typed(/** @type {any} */ { max_concurrent_executions, rate_limits, quotas }) {
  const text = (/** @type {any} */ value) => (value == null ? "" : String(value));
  const all = (/** @type {string} */ group, /** @type {any} */ values) =>
    Object.entries(values).map(([name, value]) => [`${group}/${name}`, text(value)]);
  return {
    max_concurrent_executions: text(max_concurrent_executions),
    ...Object.fromEntries([...all("rate_limits", rate_limits), ...all("quotas", quotas)]),
  };
}

/** The same, as it is sent: what is left empty is null. */
function sent(/** @type {any} */ state) {
  const value = (/** @type {string} */ name) => (state[name] === "" ? null : Number(state[name]));
  const all = (/** @type {string} */ group, /** @type {Record<string, string>} */ titles) =>
    Object.fromEntries(Object.keys(titles).map((name) => [name, value(`${group}/${name}`)]));
  return {
    max_concurrent_executions: value("max_concurrent_executions"),
    rate_limits: all("rate_limits", RATES),
    quotas: all("quotas", QUOTAS),
  };
}

/** A field for each number; `most` says what it is without one. */
function Numbers({ form, most, under = "" }) {
  const one = (/** @type {string} */ name, /** @type {string} */ label, /** @type {any} */ value) => html`
    <${Text} key=${name} form=${form} name=${name} at=${`${under}/${name}`} label=${label} type="number" min="0"
      placeholder=${value == null ? ANY : grouped(value)} />`;
  const all = (/** @type {string} */ group, /** @type {Record<string, string>} */ titles) =>
    Object.entries(titles).map(([name, label]) => one(`${group}/${name}`, label, most?.[group][name]));
  return html`<fieldset class="numbers-of"><legend>Executions and requests</legend>
      ${one("max_concurrent_executions", CONCURRENT, most?.max_concurrent_executions)}
      ${all("rate_limits", RATES)}</fieldset>
    <fieldset class="numbers-of"><legend>How much there may be</legend>${all("quotas", QUOTAS)}</fieldset>`;
}

/** What the tenant may have at most, in place of what every tenant may. */
export function Ceiling({ tenant, tag, reload }) {
  const form = useForm(typed(tenant.ceiling), "ceiling");
  const { tell } = useToasts();
  const save = form.submit(async (state) => {
    await change(`/tenants/${part(tenant.id)}/ceiling`, sent(state), tag);
    tell("ok", "It is felt within five seconds.");
    await reload();
  });
  return html`<${Card} title="What it may have at most"><form class="stack" onSubmit=${save}>
    <p class="muted small">These numbers are kept for this tenant, whatever the operator says for every tenant later; an
      empty field is as the operator says.</p>
    <${Numbers} form=${form} most=${null} />
    <${Saving} form=${form} label="Allow it" reload=${reload} />
  </form><//>`;
}

const lines = (/** @type {string} */ text) => text.split(/\s+/).filter(Boolean);

/** What the tenant's intents must keep to, for who may not change it: what is said of it, and nothing else. */
function Shown({ settings }) {
  const { forbidden_actions: forbidden, allowed_registries: from } = settings;
  const said = (/** @type {Record<string, string>} */ titles, /** @type {any} */ values) =>
    Object.entries(titles).filter(([name]) => values[name] != null).map(([name, title]) => [title, values[name]]);
  const numbers = [
    ...said({ max_concurrent_executions: CONCURRENT }, settings),
    ...said(RATES, settings.rate_limits), ...said(QUOTAS, settings.quotas),
  ];
  return html`<${Card} title="Settings"><dl class="facts">
    <dt>Forbidden actions</dt><dd>${forbidden.length ? forbidden.join(", ") : "None"}</dd>
    <dt>Images may come from</dt><dd>${from === null ? "Anywhere" : from.join(", ") || "Nowhere"}</dd>
    ${numbers.map(([title, value]) => html`<dt>${title}</dt><dd>${grouped(value)} at most</dd>`)}
    ${numbers.length ? null : html`<dt>How much</dt><dd>As much as the platform allows</dd>`}
  </dl><//>`;
}

/** What the tenant's intents must keep to. */
export function Limits({ tenant, tag, reload, may }) {
  const { settings, ceiling } = tenant;
  const form = useForm({
    ...typed(settings), forbidden_actions: settings.forbidden_actions.join("\n"),
    anywhere: settings.allowed_registries === null, allowed_registries: (settings.allowed_registries ?? []).join("\n"),
  });
  const { tell } = useToasts();
  const save = form.submit(async (state) => {
    const { anywhere, forbidden_actions, allowed_registries } = state;
    const body = {
      ...sent(state), forbidden_actions: lines(forbidden_actions),
      allowed_registries: anywhere ? null : lines(allowed_registries),
    };
    await change(`/tenants/${part(tenant.id)}`, { settings: body }, tag, "PATCH");
    tell("ok", "It is felt within five seconds.");
    await reload();
  });
  if (!may) return html`<${Shown} settings=${settings} />`;
  return html`<${Card} title="Settings"><form class="stack" onSubmit=${save}>
    <${Area} form=${form} name="forbidden_actions" at="/settings/forbidden_actions" label="Forbidden actions"
      kind="mono" hint="Which intents may not have, nor executions run; one a line" />
    <${Check} form=${form} name="anywhere" label="Container images may come from anywhere" />
    ${form.state.anywhere ? null : html`<${Area} form=${form} name="allowed_registries" kind="mono"
      at="/settings/allowed_registries" label="Where container images may come from"
      hint="As host or host/path; one a line" />`}
    <p class="muted small">Less than the tenant may have at most, never more; what is left empty is that.</p>
    <${Numbers} form=${form} most=${ceiling} under="/settings" />
    <${Saving} form=${form} label="Save" reload=${reload} />
  </form><//>`;
}
