// What a step asks people, and the buttons to answer.
import { html } from "../vendor/preact.js";
import { part, post } from "../lib/api.js";
import { full } from "../lib/format.js";
import { Asking, Notice } from "./parts.js";

/**
 * @param {{execution: {execution_id: string, created_by: string}, step: {id: string, approval: any}, reload: () =>
 * any, me: any}} props
 */
export function Approval({ execution, step, reload, me }) {
  const { id, approval } = step;
  const { message, have, required, approvers, until, on_expiry } = approval;
  const by = approvers.roles.length ? `, by ${approvers.roles.join(" or ")}` : "";
  const expiry = until ? `; ${on_expiry} at ${full(until)} if nobody decides` : "";
  return html`<${Notice} tone="warn" role="status" title="Step ${id} asks for an approval">
    <p>${message ?? "It says nothing about why."}</p>
    <p class="small muted">${have} of ${required} approved${by}${expiry}</p>
    <${Answer} execution=${execution} step=${step} reload=${reload} me=${me} />
  <//>`;
}

function Answer({ execution, step, reload, me }) {
  const { id, approval } = step;
  if (!me.operations.includes("executions.approve")) return null;
  if (!approval.allow_self && execution.created_by === me.principal) {
    return html`<p class="small">You executed this, so somebody else has to decide.</p>`;
  }
  if (approval.decisions.some((one) => one.by === me.principal)) {
    return html`<p class="small">You have approved it; others have to, too.</p>`;
  }
  const decide = (/** @type {string} */ what) => async (/** @type {string} */ comment) => {
    await post(`/executions/${part(execution.execution_id)}/steps/${part(id)}/${what}`, comment ? { comment } : {});
    await reload();
  };
  const asked = { text: approval.message, field: "Comment (optional)" };
  return html`<div class="actions">
    <${Asking} ...${asked} label="Approve" kind="primary" title="Approve ${id}?" confirm="Approve it"
      run=${decide("approve")} done="Approved." />
    <${Asking} ...${asked} label="Reject" kind="danger" title="Reject ${id}?" confirm="Reject it"
      run=${decide("reject")} done="Rejected." />
  </div>`;
}
