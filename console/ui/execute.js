// The form that begins an execution, made of the parameters' JSON Schema.
import { html, useState } from "../vendor/preact.js";
import { part, post } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { controls, initial, kind, values } from "../lib/schema.js";
import { Card, Failure, Field } from "./parts.js";

/** @param {{intent: any}} props */
export function Execute({ intent }) {
  const schema = intent.definition.parameters ?? {};
  const fields = controls(schema);
  const [state, set] = useState(() => Object.fromEntries(fields.map((one) => [one.name, initial(one.schema)])));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const begin = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const parameters = values(schema, state);
      const made = await post(`/intents/${part(intent.id)}/execute`, {
        parameters,
        dry_run: event.submitter?.value === "dry",
      });
      go(to(["executions", made.execution_id]));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const wrong = (/** @type {string} */ name) =>
    error?.errors
      ?.filter((one) => one.pointer.startsWith(`/parameters/${name}`))
      .map((one) => one.message)
      .join("; ");
  return html`<${Card} title="Execute"><form class="stack" onSubmit=${begin}>
    ${fields.length ? null : html`<p class="muted">It has no parameters.</p>`}
    ${fields.map((one) =>
      html`<${Control} key=${one.name} ...${one} value=${state[one.name]} wrong=${wrong(one.name)}
        change=${(value) => set((was) => ({ ...was, [one.name]: value }))} />`)}
    <${Failure} error=${error} title="It was not begun" />
    <div class="actions">
      <button class="button primary" disabled=${busy}>Execute</button>
      <button class="button" value="dry" disabled=${busy}>Dry run</button>
    </div>
  </form><//>`;
}

export function Control({ name, schema, required, value, wrong, change }) {
  const id = `parameter-${name}`;
  const about = {
    id,
    required,
    "aria-invalid": wrong ? "true" : undefined,
    "aria-describedby": wrong ? `${id}-wrong` : schema.description ? `${id}-hint` : undefined,
  };
  const what = kind(schema);
  const label = `${schema.title ?? name}${required ? " (required)" : ""}`;
  if (what === "check") {
    const checked = (event) => change(event.target.checked);
    return html`<label class="check">
      <input ...${about} required=${false} type="checkbox" checked=${value} onChange=${checked} />${label}
    </label>`;
  }
  const hint = schema.description ?? (what === "json" ? "As JSON" : "");
  const given = { ...about, class: "input", value };
  const typed = (event) => change(event.target.value);
  return html`<${Field} id=${id} label=${label} hint=${hint} wrong=${wrong}>
    <${INPUTS[what]} given=${given} schema=${schema} required=${required} typed=${typed} />
  <//>`;
}

function OneOf({ given, schema, required, typed }) {
  return html`<select ...${given} onChange=${typed}>
    ${required ? null : html`<option value="">–</option>`}
    ${schema.enum.map((one, at) => {
      const value = String(at);
      return html`<option value=${value} selected=${value === given.value}>${String(one)}</option>`;
    })}
  </select>`;
}

function Structure({ given, typed }) {
  return html`<textarea ...${given} class="input mono" rows="4" spellcheck="false" onInput=${typed} />`;
}

function Plain({ given, schema, typed }) {
  const number = ["number", "integer"].some((one) => [schema.type].flat().includes(one));
  const limits = {
    min: schema.minimum,
    max: schema.maximum,
    minlength: schema.minLength,
    maxlength: schema.maxLength,
    pattern: schema.pattern,
  };
  const step = [schema.type].flat().includes("integer") ? 1 : "any";
  return html`<input ...${given} ...${limits} type=${number ? "number" : "text"} step=${step} onInput=${typed} />`;
}

/** @type {Record<string, any>} */
const INPUTS = { choice: OneOf, json: Structure, number: Plain, text: Plain };
