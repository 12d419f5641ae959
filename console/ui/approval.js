// What a step asks people, and the buttons to answer.
import { html } from "../vendor/preact.js";
import { part, post } from "../lib/api.js";
import { full } from "../lib/format.js";
import { Asking, Notice } from "./parts.js";

export function Approval({ execution, step, reload, me }) {
  const asked = step.approval;
  const decide = (/** @type {string} */ what) => async (/** @type {string} */ comment) => {
    await post(`/executions/${part(execution.execution_id)}/steps/${part(step.id)}/${what}`, comment ? { comment } : {});
    await reload();
  };
  const own = !asked.allow_self && execution.created_by === me.principal;
  return html`<${Notice} tone="warn" role="status" title="Step ${step.id} asks for an approval">
    <p>${asked.message ?? "It says nothing about why."}</p>
    <p class="small muted">${asked.have} of ${asked.required} approved${asked.approvers.roles.length ? `, by ${asked.approvers.roles.join(" or ")}` : ""}${asked.until ? `; ${asked.on_expiry} at ${full(asked.until)} if nobody decides` : ""}</p>
    ${own ? html`<p class="small">You executed this, so somebody else has to decide.</p>` : me.operations.includes("executions.approve") ? html`<div class="actions">
      <${Asking} label="Approve" kind="primary" title="Approve ${step.id}?" text=${asked.message} field="Comment (optional)" confirm="Approve it" run=${decide("approve")} done="Approved." />
      <${Asking} label="Reject" kind="danger" title="Reject ${step.id}?" text=${asked.message} field="Comment (optional)" confirm="Reject it" run=${decide("reject")} done="Rejected." />
    </div>` : null}
  <//>`;
}
