// What waits for somebody's word, over all executions.
import { html, useEffect } from "../vendor/preact.js";
import { get, part } from "../lib/api.js";
import { to } from "../lib/router.js";
import { Approval } from "../ui/approval.js";
import { Action, Card, Empty, Loaded, Time, useLoaded } from "../ui/parts.js";

const EVERY = 60_000, MOST = 20;
/** Each execution is a request, and those are counted. */

/** Steps that ask, the longest wait first. An execution of which other steps run is `running`, and may ask too. */
export async function waitingApprovals() {
  const lists = await Promise.all(["waiting", "running"].map((status) => get("/executions", { status, dry_run: false, limit: MOST })));
  const ids = [...new Set(lists.flatMap((page) => page.items.map((head) => head.execution_id)))].slice(0, MOST);
  const all = await Promise.all(ids.map((id) => get(`/executions/${part(id)}`)));
  return all.flatMap((execution) => execution.steps.filter((step) => step.approval?.status === "waiting").map((step) => ({ execution, step })))
    .sort((a, b) => a.step.approval.since.localeCompare(b.step.approval.since));
}

export function Approvals({ me }) {
  const state = useLoaded(waitingApprovals, []);
  useEffect(() => { const timer = setInterval(state.reload, EVERY); return () => clearInterval(timer); }, [state.reload]);
  return html`<div class="stack"><div class="page-head"><h1>Approvals</h1><${Action} label="Refresh" kind="quiet" run=${state.reload} /></div>
    <${Loaded} of=${state}>${(found) => (found.length ? found.map(({ execution, step }) => html`<${Card} key=${execution.execution_id + step.id} id="approval-${execution.execution_id}-${step.id}" title="${execution.intent_id}" aside=${html`<span class="muted small"><${Time} at=${step.approval.since} />, executed by ${execution.created_by}, <a href=${to(["executions", execution.execution_id])}>look at it</a></span>`}>
      <${Approval} execution=${execution} step=${step} reload=${state.reload} me=${me} /><//>`) : html`<${Card} title="Waiting" flush><${Empty}><p>Nothing waits for anybody's word.</p><//><//>`)}<//></div>`;
}
