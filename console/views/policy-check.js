// The question whether somebody would be allowed something, and by what. Nothing is done.
import { html, useState } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { Text, useForm } from "../ui/forms.js";
import { Card, Failure, Notice } from "../ui/parts.js";

/** Only what was filled in. */
const given = (/** @type {Record<string, string>} */ fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));

/** @param {{me: any, hint?: string}} props */
export function Question({ me, hint = "" }) {
  const form = useForm({ user: "", operation: "intents.execute", resource: "", at: "", address: "" });
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const check = form.submit(async ({ at, ...fields }) => {
    setAnswer(null);
    setAnswer(await post("/policies/check", given({ ...fields, at: at ? new Date(at).toISOString() : "" })));
  });
  return html`<${Card} title="Would it be allowed?"><form class="stack" onSubmit=${check}>
    ${hint ? html`<p class="muted small">${hint}</p>` : null}
    <div class="filters">
      <${Text} form=${form} name="user" label="Member" placeholder="You" autocomplete="off" />
      <${Text} form=${form} name="operation" label="Operation" list="operations" required autocomplete="off" />
      <datalist id="operations">${me.operations.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
      <${Text} form=${form} name="resource" label="Of what" placeholder="Any" autocomplete="off" />
      <${Text} form=${form} name="at" label="When, if not now" type="datetime-local" />
      <${Text} form=${form} name="address" label="From which address" placeholder="Unknown" autocomplete="off" />
      <button class="button primary" disabled=${form.busy}>Ask</button>
    </div>
    <${Failure} error=${form.error} />
    ${answer ? html`<${Answer} answer=${answer} />` : null}
  </form><//>`;
}

function Answer({ answer }) {
  const { allowed, principal, operation, resource, policies } = answer;
  return html`<${Notice} tone=${allowed ? "ok" : "bad"} role="status" title=${allowed ? "Allowed" : "Not allowed"}>
    <p><b>${principal}</b>, <code>${operation}</code> of <code>${resource}</code>: decided by
      ${policies.map((/** @type {string} */ one) => html` <code key=${one}>${one}</code>`)}</p>
  <//>`;
}
