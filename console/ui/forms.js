// Forms: what is typed, what the platform says of it, and the controls, each with its own part of that beside it.
import { html, useState } from "../vendor/preact.js";
import { Action, Failure, Field } from "./parts.js";

/**
 * @typedef {{prefix: string, state: any, set: (name: string, value: any) => void, error: any, busy: boolean,
 *   wrong: (pointer: string) => string,
 *   submit: (save: (state: any) => Promise<any>) => (event: any) => Promise<void>}} Filled
 */

/**
 * What a form holds, and how its last saving went. `prefix` tells its fields from those of another form on the page.
 * @param {Record<string, any>} initial @returns {Filled}
 */
export function useForm(initial, prefix = "field") {
  const [state, setState] = useState(initial);
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const set = (/** @type {string} */ name, /** @type {any} */ value) => setState((was) => ({ ...was, [name]: value }));
  const submit = (/** @type {(state: any) => Promise<any>} */ save) => async (/** @type {any} */ event) => {
    event.preventDefault();
    setBusy(true);
    try { await save(state); setError(null); } catch (problem) { setError(problem); } finally { setBusy(false); }
  };
  const wrong = (/** @type {string} */ pointer) => (error?.errors ?? [])
    .filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))
    .map((one) => one.message).join("; ");
  return { prefix, state, set, error, busy, wrong, submit };
}

/** A form that is a page's only card: as wide as can be read. */
export const Sheet = ({ save, children }) => html`<form class="card sheet stack" onSubmit=${save}>${children}</form>`;

/** The end of a form: what was wrong with it, and buttons. `reload` shows what others made of it meanwhile. */
export function Saving({ form, label, title = "It was not saved", reload = null, children = null }) {
  return html`<${Failure} error=${form.error} title=${title} />
    ${reload && form.error?.code === "STALE" ? html`<${Action} label="Show what it is now" run=${reload} />` : null}
    <div class="actions">
      <button class="button primary" disabled=${form.busy} aria-busy=${form.busy}>
        ${form.busy ? `${label}…` : label}
      </button>
      ${children}
    </div>`;
}

/** What every control has: where it is in the state, and in what is sent (`at`, a JSON Pointer). */
function about({ form, name, at, hint, required }) {
  const id = `${form.prefix}-${name}`, wrong = form.wrong(at ?? `/${name}`);
  const told = [hint ? `${id}-hint` : "", wrong ? `${id}-wrong` : ""].filter(Boolean).join(" ") || undefined;
  return { id, wrong, given: { id, required, "aria-invalid": wrong ? true : undefined, "aria-describedby": told } };
}

/** @param {string} label @param {boolean} required */
const named = (label, required) => (required ? `${label} (required)` : label);

/** One line. @param {any} props */
export function Text({ form, name, label, hint = "", at = undefined, required = false, mono = false, ...rest }) {
  const { id, wrong, given } = about({ form, name, at, hint, required });
  return html`<${Field} id=${id} label=${named(label, required)} hint=${hint} wrong=${wrong}>
    <input ...${given} ...${rest} class="input ${mono ? "mono" : ""}" value=${form.state[name]}
      onInput=${(event) => form.set(name, event.target.value)} />
  <//>`;
}

/** Several lines. @param {any} props */
export function Area({ form, name, label, hint = "", at = undefined, required = false, kind = "", rows = 3, ...rest }) {
  const { id, wrong, given } = about({ form, name, at, hint, required });
  return html`<${Field} id=${id} label=${named(label, required)} hint=${hint} wrong=${wrong}>
    <textarea ...${given} ...${rest} class="input ${kind}" rows=${rows} value=${form.state[name]}
      onInput=${(event) => form.set(name, event.target.value)} />
  <//>`;
}

/** One of several; an option is a word, or a pair of what is sent and what is shown. @param {any} props */
export function Choice({ form, name, label, options, hint = "", at = undefined, required = false }) {
  const { id, wrong, given } = about({ form, name, at, hint, required });
  const pairs = options.map((one) => (Array.isArray(one) ? one : [one, one]));
  return html`<${Field} id=${id} label=${named(label, required)} hint=${hint} wrong=${wrong}>
    <select ...${given} class="input" value=${form.state[name]}
      onChange=${(event) => form.set(name, event.target.value)}>
      ${pairs.map(([value, shown]) => html`<option key=${value} value=${value}
        selected=${value === form.state[name]}>${shown}</option>`)}
    </select>
  <//>`;
}

/** Yes or no. @param {any} props */
export function Check({ form, name, label }) {
  return html`<label class="check"><input type="checkbox" checked=${form.state[name]}
    onChange=${(event) => form.set(name, event.target.checked)} />${label}</label>`;
}
