// The form that makes a module of the tenant's own, or another version of it: an endpoint and what it can do.
import { html, useMemo, useRef, useState } from "../vendor/preact.js";
import { part } from "../lib/api.js";
import { placeOf, read } from "../lib/drafts.js";
import { go, to } from "../lib/router.js";
import { change, create } from "../lib/stored.js";
import { Saving, Sheet, Text, useForm } from "../ui/forms.js";
import { Once } from "../ui/once.js";
import { useToasts } from "../ui/parts.js";
import { Written } from "../ui/written.js";

const INSIDE = "/manifest";
const EXAMPLE = {
  description: "What it is for",
  actions: {
    look: {
      description: "What it does",
      side_effect: "pure",
      parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
      outputs: { type: "object", properties: { found: { type: "string" } }, required: ["found"] },
      timeout: 30,
    },
  },
};

/** The manifest that a module was made with, as far as what the platform tells of it says. */
export function manifestOf(/** @type {any} */ module) {
  const within = (/** @type {string} */ name) => name.slice(module.name.length + 1);
  const actions = module.actions.map((/** @type {any} */ one) => {
    const { description, side_effect, parameters, outputs, supports, takes_secrets, undone_by, examples } = one;
    const undoing = undone_by && { ...undone_by, action: within(undone_by.action) };
    const timeout = module.timeouts[one.name];
    const said = {
      description, side_effect, parameters, outputs, supports, timeout, takes_secrets, undone_by: undoing, examples,
    };
    const filled = Object.entries(said).filter(([, value]) => value && value.length !== 0);
    return [within(one.name), Object.fromEntries(filled)];
  });
  return { description: module.description, actions: Object.fromEntries(actions) };
}

export function ModuleForm({ module, tag, reload }) {
  const form = useForm({
    name: module?.name ?? "", endpoint: module?.endpoint ?? "",
    manifest: JSON.stringify(module ? manifestOf(module) : EXAMPLE, null, 2),
  });
  const [made, setMade] = useState(/** @type {any} */ (null));
  const { tell } = useToasts();
  const save = form.submit(async ({ name, endpoint, manifest }) => {
    const body = { endpoint: endpoint.trim(), manifest: parsed(manifest) };
    const path = `/modules/${part(name)}`;
    if (!module) { setMade(await create(path, body)); return; }
    const { version } = await change(path, body, tag);
    tell("ok", version === module.version ? "Nothing of it is new." : `This is version ${version}.`);
    go(to(["modules", name]));
  });
  const title = module ? `Change ${module.name}` : made ? `${made.name} is made` : "Add a module";
  return html`<div class="stack"><h1>${title}</h1>${made
    ? html`<${Once} title="Its key, shown this once" value=${made.secret}
        text="Give it to the module: with it, it verifies that calls are the platform's.">
        <a class="button" href=${to(["modules", made.name])}>I have kept it</a><//>`
    : html`<${Sheet} save=${save}>
      ${module ? null : html`<${Text} form=${form} name="name" label="Name" required autocomplete="off" maxlength="32"
        hint="Small letters, digits and -; steps name its actions NAME/ACTION" />`}
      <${Text} form=${form} name="endpoint" label="Endpoint" required type="url" mono autocomplete="off"
        hint="It is asked by POST at /actions/ACTION below it" />
      <${Manifest} form=${form} />
      <${Saving} form=${form} label=${module ? "Save as the next version" : "Add it"} reload=${module ? reload : null}>
        <a class="button quiet" href=${to(module ? ["modules", module.name] : ["modules"])}>Not now</a>
      <//>
    <//>`}</div>`;
}

function parsed(/** @type {string} */ text) {
  try { return JSON.parse(text); } catch (error) { throw new Error(`The manifest is not JSON: ${error.message}`); }
}

/** What is wrong, where it is in the text: where it is no JSON, or what the refusal's pointers lead to. */
function placed(/** @type {string} */ text, /** @type {any} */ error) {
  if (!error) return [];
  const { wrong } = read(text);
  if (wrong) return [{ from: wrong.at, to: wrong.at + 1, message: wrong.message }];
  return (error.errors ?? []).filter((/** @type {any} */ one) => one.pointer.startsWith(INSIDE))
    .map((/** @type {any} */ one) => ({ ...placeOf(text, one.pointer.slice(INSIDE.length)), message: one.message }));
}

function Manifest({ form }) {
  const handle = useRef(/** @type {any} */ (null));
  const text = form.state.manifest;
  const faults = useMemo(() => placed(text, form.error), [form.error]);
  const load = async (/** @type {any} */ event) => {
    handle.current.replace(await event.target.files[0].text());
    handle.current.show(0);
  };
  return html`<${Written} label="Manifest" language="json" text=${text} faults=${faults} handle=${handle}
      change=${(/** @type {string} */ now) => form.set("manifest", now)}
      hint="What it can do, as JSON: its actions, with the JSON Schemas of what they take and give" />
    <div class="field"><label for="manifest-file">Take it from a file</label>
      <input id="manifest-file" class="input" type="file" accept="application/json,.json" onChange=${load} /></div>`;
}
