// The types of events that a subscription may name, by what they are about. (Tests compare them with the platform's.)

/** @type {Record<string, string[]>} */
export const EVENT_TYPES = {
  Executions: [
    "execution_started",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
    "execution_paused",
    "execution_resumed",
  ],
  Approvals: ["approval_requested", "approval_decided", "callback_received"],
  Steps: [
    "step_started",
    "step_completed",
    "step_failed",
    "step_skipped",
    "step_retrying",
    "step_kept",
    "step_compensating",
    "step_compensated",
    "step_compensation_failed",
  ],
  Items: [
    "item_started",
    "item_completed",
    "item_failed",
    "item_retrying",
    "item_compensating",
    "item_compensated",
    "item_compensation_failed",
  ],
  Intents: ["intent_created", "intent_updated", "intent_rolled_back", "intent_archived"],
};

/** A type in words, also as deliveries have it (`com.quantum.step_failed`). */
export function worded(/** @type {string} */ type) {
  return type === "*" ? "every type" : type.replace(/^com\.quantum\./, "").replace(/_/g, " ");
}
