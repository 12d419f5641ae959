// What is left to do in a tenant that is suspended: its administrators may take all of it along.
import { html } from "../vendor/preact.js";
import { take } from "../lib/export.js";
import { Saving, Sheet, Text, useForm } from "../ui/forms.js";

export function Suspended() {
  const form = useForm({ tenant: "" });
  const save = form.submit(({ tenant }) => take(tenant.trim()));
  return html`<${Sheet} save=${save}>
    <p>An administrator of the tenant may take all of it along, also now.</p>
    <${Text} form=${form} name="tenant" label="Tenant" required autocomplete="off" />
    <${Saving} form=${form} label="Export all of it" title="It was not exported" />
  <//>`;
}
