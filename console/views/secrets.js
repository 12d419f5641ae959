// What steps are given and nobody may read: which there are, who uses them, and a field that takes and shows none.
import { html, useState } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { change, create, read, remove } from "../lib/stored.js";
import { Confirming } from "../ui/confirming.js";
import { Area, Saving, Sheet, Text, useForm } from "../ui/forms.js";
import { Action, Asking, Card, Failure, Loaded, Table, Time, useLoaded, usePages, useToasts } from "../ui/parts.js";

const COLUMNS = [
  { title: "Name", cell: (row) => html`<a class="mono" href=${to(["secrets", row.name])}>${row.name}</a>` },
  { title: "What it is for", cell: (row) => html`<span class="muted">${row.description || "–"}</span>` },
  { title: "Version", cell: (row) => html`<span>${row.version}</span>` },
  { title: "Value put", cell: (row) => html`<span><${Time} at=${row.updated_at} /> by ${row.updated_by}</span>` },
];
const NONE = "No secrets. What a step needs and nobody may read, a token or a password, is kept here.";
const path = (/** @type {string} */ name) => `/secrets/${part(name)}`;

export function Secrets({ me }) {
  const pages = usePages((cursor) => get("/secrets", { cursor, limit: 100 }), []);
  const empty = html`<p>${pages.loading ? "Loading…" : NONE}</p>`;
  return html`<div class="stack">
    <div class="page-head"><h1>Secrets</h1>
      ${me.operations.includes("secrets.manage")
        ? html`<a class="button primary" href=${to(["secrets", "new", "add"])}>Add a secret</a>` : null}</div>
    <${Failure} error=${pages.error} />
    <${Card} title="By name" flush>
      <${Table} label="Secrets" columns=${COLUMNS} rows=${pages.items} empty=${empty} />
    <//>
    ${pages.next ? html`<div class="actions"><${Action} label="Show more" run=${pages.loadMore} /></div>` : null}
  </div>`;
}

export function SecretPage({ place, me }) {
  const [, name, what] = place.path;
  if (!what) return html`<${Secret} name=${name} me=${me} />`;
  return me.operations.includes("secrets.manage") ? html`<${Add} />` : html`<h1>You may not change secrets</h1>`;
}

function Add() {
  const form = useForm({ name: "", value: "", description: "" });
  const { tell } = useToasts();
  const save = form.submit(async ({ name, value, description }) => {
    await create(path(name), { value, description });
    tell("ok", `${name} is kept.`);
    go(to(["secrets", name]));
  });
  return html`<div class="stack"><h1>Add a secret</h1>
    <${Sheet} save=${save}>
      <${Text} form=${form} name="name" label="Name" required mono autocomplete="off" maxlength="63"
        hint="Letters, digits and _, no digit first; upper and lower case are told apart" />
      <${Text} form=${form} name="description" label="What it is for" />
      <${Value} form=${form} />
      <${Saving} form=${form} label="Keep it" title="It was not kept">
        <a class="button quiet" href=${to(["secrets"])}>Not now</a>
      <//>
    <//></div>`;
}

/** The field for a value. It may have several lines, as keys do, so it is masked by a style. */
function Value({ form }) {
  const [shown, show] = useState(false);
  return html`<${Area} form=${form} name="value" label="Value" required rows="3"
      kind=${shown ? "mono" : "mono masked"} autocomplete="off" autocapitalize="off" spellcheck="false"
      hint="8 characters or more, taken as it is, blanks and line ends too. It is never shown again." />
    <label class="check small">
      <input type="checkbox" checked=${shown} onChange=${() => show(!shown)} />Show what I type
    </label>`;
}

function Secret({ name, me }) {
  const state = useLoaded(() => read(path(name)), [name]);
  const manages = me.operations.includes("secrets.manage");
  return html`<${Loaded} of=${state}>${({ value: secret, tag }) => html`<div class="stack">
    <div class="page-head">
      <div><h1>${secret.name}</h1><p class="muted">${secret.description}</p></div>
      ${manages ? html`<div class="actions"><${Delete} secret=${secret} tag=${tag} /></div>` : null}
    </div>
    <div class="columns">
      <${Known} secret=${secret} />
      ${manages ? html`<${Rotate} key=${secret.version} secret=${secret} tag=${tag} reload=${state.reload} />` : null}
    </div>
  </div>`}<//>`;
}

function Known({ secret }) {
  const last = secret.last_used, users = secret.used_by;
  return html`<${Card} title="What is known of it"><dl class="facts">
    <dt>In steps</dt><dd><code>${`\${{ secrets.${secret.name} }}`}</code></dd>
    <dt>Version</dt><dd>${secret.version}</dd>
    <dt>Value put</dt><dd><${Time} at=${secret.updated_at} /> by ${secret.updated_by}</dd>
    <dt>Made</dt><dd><${Time} at=${secret.created_at} /> by ${secret.created_by}</dd>
    <dt>Last used</dt><dd>${last
      ? html`<${Time} at=${last.at} />, by <a href=${to(["executions", last.execution_id])}>step ${last.step}</a>`
      : "Never, or more than a year ago"}</dd>
    <dt>Named by</dt><dd class="actions">${users.length
      ? users.map((intent) => html`<a key=${intent} href=${to(["intents", intent])}>${intent}</a>`)
      : "No active intent"}</dd>
  </dl><//>`;
}

function Rotate({ secret, tag, reload }) {
  const form = useForm({ value: "", description: secret.description });
  const { tell } = useToasts();
  const save = form.submit(async ({ value, description }) => {
    const made = await change(path(secret.name), { value, description }, tag);
    tell("ok", `Steps that begin now get version ${made.version}.`);
    await reload();
  });
  return html`<${Card} title="Rotate it"><form class="stack" onSubmit=${save}>
    <${Value} form=${form} />
    <${Text} form=${form} name="description" label="What it is for" />
    <${Saving} form=${form} label="Put the new value" title="It was not rotated" reload=${reload} />
  </form><//>`;
}

function Delete({ secret, tag }) {
  const users = secret.used_by;
  const run = async () => {
    await remove(path(secret.name), tag, users.length ? { even_if_used: true } : {});
    go(to(["secrets"]));
  };
  if (!users.length) {
    return html`<${Asking} label="Delete" kind="danger" title="Delete ${secret.name}?" confirm="Delete it"
      text="No step gets it from then on." run=${run} done="Deleted." />`;
  }
  return html`<${Confirming} label="Delete" title="Delete ${secret.name} although it is used?" name=${secret.name}
    text="The next steps of ${users.join(", ")} that name it will fail."
    confirm="Delete it" run=${run} done="Deleted." />`;
}
