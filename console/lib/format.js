// Times, durations and states in words.

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export function ago(/** @type {string|null} */ time) {
  if (!time) return "–";
  const seconds = (new Date(time).getTime() - Date.now()) / 1000;
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  return Math.abs(seconds) < 10
    ? seconds > 2
      ? "in a moment"
      : "just now"
    : RELATIVE.format(Math.round(seconds), "second");
}

export const clock = (/** @type {string} */ time) => CLOCK.format(new Date(time));
export const full = (/** @type {string|null} */ time) => (time ? FULL.format(new Date(time)) : "–");

export function duration(/** @type {number|null|undefined} */ seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [large, small] = seconds < 3600 ? ["min", "s"] : ["h", "min"];
  const whole = Math.round(seconds / (seconds < 3600 ? 1 : 60));
  return `${Math.floor(whole / 60)} ${large}${whole % 60 ? ` ${whole % 60} ${small}` : ""}`;
}

/** A size as people say it. */
export function bytes(/** @type {number} */ size) {
  if (size < 1000) return `${size} bytes`;
  return size < 1e6 ? `${Math.round(size / 1000)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** Seconds from one time to another, or to now. */
export const between = (/** @type {string|null} */ from, /** @type {string|null} */ to) =>
  from ? ((to ? new Date(to).getTime() : Date.now()) - new Date(from).getTime()) / 1000 : null;

export const ENDED = ["completed", "failed", "cancelled"];

/** @type {Record<string, string>} */
const TONES = {
  completed: "ok",
  active: "ok",
  approved: "ok",
  allow: "ok",
  failed: "bad",
  rejected: "bad",
  deny: "bad",
  cancelling: "warn",
  waiting: "warn",
  retrying: "warn",
  paused: "warn",
  deprecated: "warn",
  compensated: "warn",
  running: "run",
  draft: "run",
  delivered: "ok",
  dead: "bad",
  blocked: "bad",
  failing: "bad",
  suspended: "warn",
  erasing: "bad",
};
export const tone = (/** @type {string} */ status) => TONES[status] ?? "idle";

/** What is waited for, in a sentence. @param {any} one */
export function waiting(one) {
  const until = one.until ? `, until ${full(one.until)}` : "";
  /** @type {Record<string, () => string>} */
  const words = {
    approval: () =>
      `an approval (${one.have} of ${one.required}${one.approvers?.roles?.length
        ? `, by ${one.approvers.roles.join(" or ")}` : ""})${until}`,
    timer: () => `a timer${until}`,
    retry: () => `its next attempt${until}`,
    poll: () => `what it began to be done${until}`,
    callback: () => `somebody to call back${until}`,
    child: () => `its child execution ${one.execution_id ?? ""}`,
    limit: () => `its turn: ${one.running} of ${one.most} executions of the ${one.limit} run, place ${one.place}`,
    dependency: () => `the steps before it: ${(one.dependencies ?? []).join(", ")}`,
    pause: () => `being resumed; paused by ${one.by}${one.reason ? `: ${one.reason}` : ""}`,
  };
  return (words[one.for] ?? (() => one.for))();
}

/** What an error says, whatever its shape. @param {any} error */
export const cause = (error) => error?.message ?? error?.detail ?? error?.code ?? JSON.stringify(error);
