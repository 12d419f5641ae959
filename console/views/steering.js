// What can be done about an execution: each is asked for once more, with room for a reason.
import { html } from "../vendor/preact.js";
import { part, post } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { Asking } from "../ui/parts.js";

const GOING = ["pending", "running", "waiting"];

export function Steering({ execution, reload, me }) {
  const { status } = execution;
  const going = GOING.includes(status),
    paused = status === "paused";
  const may = (/** @type {string} */ operation) => me.operations.includes(operation);
  const steer = (/** @type {string} */ what) => async (/** @type {string} */ reason) => {
    await post(`/executions/${part(execution.execution_id)}/${what}`, reason ? { reason } : {});
    await reload();
  };
  const why = "Why (optional)";
  return html`<div class="actions">
    ${
      going && may("executions.pause")
        ? html`<${Asking} label="Pause" title="Pause this execution?" text="Steps that run end; no other begins."
          field=${why}
          confirm="Pause it" run=${steer("pause")} done="It is paused." />`
        : null
    }
    ${
      paused && may("executions.pause")
        ? html`<${Asking} label="Resume" kind="primary" title="Resume this execution?" confirm="Resume it"
          run=${steer("resume")}
          done="It goes on." />`
        : null
    }
    ${
      (going || paused) && may("executions.cancel")
        ? html`<${Asking} label="Cancel" kind="danger" title="Cancel this execution?"
          text="What has completed is undone where the intent says how." field=${why} confirm="Cancel it"
            run=${steer("cancel")}
          done="It is being cancelled." />`
        : null
    }
    ${
      status === "cancelling" && may("executions.terminate")
        ? html`<${Asking} label="Terminate" kind="danger" title="End this execution where it stands?"
          text="Nothing more is undone, and nothing runs at last." field=${why} confirm="Terminate it"
            run=${steer("terminate")}
          done="It has ended." />`
        : null
    }
    ${
      ["failed", "cancelled"].includes(status) && !execution.retried_by && may("executions.retry")
        ? html`<${Retry} execution=${execution} kind="primary" label="Retry" title="Retry what did not end well?" />`
        : null
    }
  </div>`;
}

/**
 * @param {{execution: any, label: string, title: string, kind?: string, from?: string|null}} props `from`: the step
 * to run again first
 */
export function Retry({ execution, label, title, kind = "", from = null }) {
  const run = async (/** @type {string} */ reason) => {
    const body = { ...(from ? { from } : {}), ...(reason ? { reason } : {}) };
    const made = await post(`/executions/${part(execution.execution_id)}/retry`, body);
    go(to(["executions", made.execution_id]));
  };
  return html`<${Asking} label=${label} kind=${kind} title=${title}
    text="A new execution keeps what ended well before, and runs the rest."
    field="Why (optional)" confirm="Retry" run=${run} done="A new execution has begun." />`;
}
