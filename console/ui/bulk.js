// The same for all executions that a filter finds, a page at a time, and what came of it.
import { html } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { Asking, Notice } from "./parts.js";

const PAGE = 200;
const GOING = ["", "pending", "running", "waiting", "paused"];

/**
 * @param {{query: any, reload: () => any, told: (came: any) => void}} props `query`: the filter, as the list has it;
 * `told` is what came of it
 */
export function Bulk({ query, reload, told }) {
  const filter = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
  if (filter.dry_run) filter.dry_run = filter.dry_run === "true";
  const run = (/** @type {string} */ operation) => async (/** @type {string} */ reason) => {
    const sum = { done: 0, errors: /** @type {string[]} */ ([]) };
    let cursor = null;
    do {
      const body = { operation, filter, limit: PAGE, ...(reason ? { reason } : {}), ...(cursor ? { cursor } : {}) };
      const page = await post("/executions/bulk", body);
      sum.done += page.items.filter((one) => !one.error).length;
      sum.errors.push(...page.items.filter((one) => one.error).map((one) => one.error.message));
      cursor = page.next_cursor;
      told({ ...sum, operation });
    } while (cursor !== null);
    await reload();
  };
  const asked = {
    field: "Why (optional)",
    text: "It is done to all that fit the filter, also to those that are not shown.",
  };
  return html`${
    GOING.includes(query.status)
      ? html`<${Asking} ...${asked} label="Cancel these" kind="danger" title="Cancel all that fit and have not ended?"
          confirm="Cancel them" run=${run("cancel")} />`
      : null
  }
    ${
      query.status === "failed"
        ? html`<${Asking} ...${asked} label="Retry these" title="Retry all that fit and have failed?"
          confirm="Retry them" run=${run("retry")} />`
        : null
    }`;
}

/** What came of the last one. */
export function Came({ came }) {
  if (!came) return null;
  const { done, errors, operation } = came;
  const words = operation === "cancel" ? "cancelled" : "tried again";
  return html`<${Notice} tone=${errors.length ? "warn" : "ok"} role="status" title="${done} are ${words}">
    ${errors.length ? html`<p>${errors.length} could not be: ${[...new Set(errors)].slice(0, 3).join("; ")}</p>` : null}
  <//>`;
}
