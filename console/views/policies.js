// The tenant's own policies, and whether somebody would be allowed something.
import { html, useMemo, useRef } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { change, create, read, remove } from "../lib/stored.js";
import { Check, Saving, Sheet, Text, useForm } from "../ui/forms.js";
import {
  Action, Asking, Card, Failure, Loaded, Status, Table, Time, useLoaded, usePages, useToasts,
} from "../ui/parts.js";
import { Written } from "../ui/written.js";
import { Question } from "./policy-check.js";

const NONE = "The tenant has no policies of its own: what members may do is what their roles say.";
const EXAMPLE = `forbid (principal, action == Action::"intents.execute", resource)
when { resource has target && resource.target == "production" }
unless { context.weekday <= 5 && context.hour >= 8 && context.hour < 17 };
`;
const path = (/** @type {string} */ name) => `/policies/${part(name)}`;

const COLUMNS = [
  { title: "Name", cell: (row) => html`<a href=${to(["policies", row.name])}>${row.name}</a>` },
  { title: "Status", cell: (row) => html`<${InForce} policy=${row} />` },
  { title: "What it is for", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  { title: "Changed", cell: (row) => html`<span><${Time} at=${row.updated_at} /> by ${row.updated_by}</span>` },
];

const InForce = ({ policy }) => html`<${Status} status=${policy.enabled ? "active" : "disabled"} />`;

export function Policies({ me }) {
  const pages = usePages((cursor) => get("/policies", { cursor, limit: 50 }), []);
  const empty = html`<p>${pages.loading ? "Loading…" : NONE}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Policies</h1>
      ${me.operations.includes("policies.manage")
        ? html`<a class="button primary" href=${to(["policies", "new", "add"])}>Add a policy</a>` : null}</div>
    <${Question} me=${me} />
    <${Failure} error=${pages.error} />
    <${Card} title="The tenant's own" flush>
      <${Table} label="Policies" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function PolicyPage({ place, me }) {
  const [, name, what] = place.path;
  const state = useLoaded(async () => (what === "add" ? { value: null, tag: "" } : read(path(name))), [name]);
  if (what && !me.operations.includes("policies.manage")) return html`<h1>You may not change policies</h1>`;
  return html`<${Loaded} of=${state}>${({ value, tag }) => (what
    ? html`<${Form} key=${tag} policy=${value} tag=${tag} me=${me} reload=${state.reload} />`
    : html`<${Policy} policy=${value} tag=${tag} me=${me} />`)}<//>`;
}

function Policy({ policy, tag, me }) {
  const run = async () => { await remove(path(policy.name), tag); go(to(["policies"])); };
  return html`<div class="stack">
    <div class="page-head">
      <div><h1>${policy.name}</h1>
        <p class="meta"><${InForce} policy=${policy} /><span>${policy.description}</span></p></div>
      ${me.operations.includes("policies.manage") ? html`<div class="actions">
        <a class="button" href=${to(["policies", policy.name, "edit"])}>Change</a>
        <${Asking} label="Delete" kind="danger" title="Delete ${policy.name}?" confirm="Delete it" run=${run}
          text="It is asked no more, within five seconds everywhere." done="Deleted." /></div>` : null}
    </div>
    <${Card} title="Text"><div class="stack">
      <pre class="json" tabindex="0" role="region" aria-label="Text of ${policy.name}">${policy.policy}</pre>
      <p class="muted small">Changed <${Time} at=${policy.updated_at} /> by ${policy.updated_by},
        made <${Time} at=${policy.created_at} /> by ${policy.created_by}.
        Refusals name it as <code>policy:${policy.name}</code>.</p>
    </div><//>
    <${Question} me=${me} />
  </div>`;
}

function Form({ policy, tag, me, reload }) {
  const form = useForm(policy ?? { name: "", policy: EXAMPLE, description: "", enabled: true });
  const { tell } = useToasts();
  const save = form.submit(async ({ name, policy: text, description, enabled }) => {
    const body = { policy: text, description, enabled };
    await (policy ? change(path(name), body, tag) : create(path(name), body));
    tell("ok", enabled ? `${name} is in force, within five seconds everywhere.` : `${name} is kept, and not asked.`);
    go(to(["policies", name]));
  });
  const handle = useRef(null);
  const faults = useMemo(() => placed(form.state.policy, form.error), [form.error]);
  return html`<div class="stack"><h1>${policy ? `Change ${policy.name}` : "Add a policy"}</h1>
    <div class="beside"><${Sheet} save=${save}>
      ${policy ? null : html`<${Text} form=${form} name="name" label="Name" required autocomplete="off" maxlength="63"
        hint="Small letters, digits and -" />`}
      <${Text} form=${form} name="description" label="What it is for" />
      <${Written} label="Text" language="plain" text=${form.state.policy} faults=${faults} handle=${handle}
        hint="One or more policies in Cedar. One that forbids wins over all that permit."
        change=${(/** @type {string} */ text) => form.set("policy", text)} />
      <${Check} form=${form} name="enabled" label="It is asked" />
      <${Saving} form=${form} label=${policy ? "Save" : "Add it"} reload=${policy ? reload : null}>
        <a class="button quiet" href=${to(policy ? ["policies", policy.name] : ["policies"])}>Not now</a>
      <//>
    <//>
    <${Question} me=${me} hint="By the policies as they are kept, without what is being written here." /></div>
  </div>`;
}

/** The faults that a refusal names, where they are in the text that was refused: it counts Unicode characters. */
function placed(/** @type {string} */ text, /** @type {any} */ error) {
  const characters = Array.from(text);
  const at = (/** @type {number} */ place) => characters.slice(0, place).join("").length;
  return (error?.errors ?? []).filter((/** @type {any} */ one) => one.pointer === "/policy" && one.line)
    .map(({ offset, length, message }) => ({
      from: at(offset), to: at(offset + length), message: message.replace(/^line \d+, column \d+: /, ""),
    }));
}
