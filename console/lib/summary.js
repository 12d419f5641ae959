// What a tenant's days and executions come to in numbers.
import { between } from "./format.js";

const DAY = 86_400_000;

/**
 * @typedef {{times: number[], completed: number[], failed: number[], cancelled: number[], rate: (number|null)[],
 * sums: any}} Days
 */

const share = (/** @type {number} */ good, /** @type {number} */ bad) =>
  good + bad ? (100 * good) / (good + bad) : null;
const sum = (/** @type {number[]} */ values) => values.reduce((total, one) => total + one, 0);

/**
 * The last days without gaps, oldest first; times are in seconds.
 * @param {any[]} days
 * @param {number} count
 * @param {number} now in milliseconds
 * @returns {Days}
 */
export function perDay(days, count, now) {
  const known = new Map(days.map((day) => [day.date, day]));
  const today = Math.floor(now / DAY) * DAY;
  const dates = Array.from({ length: count }, (_, at) => today - (count - 1 - at) * DAY);
  const all = dates.map((time) => known.get(new Date(time).toISOString().slice(0, 10)));
  const of = (/** @type {string} */ name) => all.map((day) => day?.[`executions_${name}`] ?? 0);
  const completed = of("completed"),
    failed = of("failed"),
    cancelled = of("cancelled");
  return {
    times: dates.map((time) => time / 1000),
    completed,
    failed,
    cancelled,
    rate: completed.map((good, at) => share(good, failed[at] + cancelled[at])),
    sums: {
      started: sum(of("started")),
      completed: sum(completed),
      failed: sum(failed),
      rate: share(sum(completed), sum(failed) + sum(cancelled)),
    },
  };
}

/** The one in the middle; null of none. @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
}

/**
 * How the executions of each intent ended and how long they took as a rule, those that failed most first.
 * @param {any[]} executions that have ended
 */
export function perIntent(executions) {
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const one of executions) {
    const name = one.intent_id.replace(/-v\d+$/, "");
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups]
    .map(([name, all]) => {
      const completed = all.filter((one) => one.status === "completed");
      const took = median(completed.map((one) => between(one.started_at, one.finished_at) ?? 0));
      return { name, ended: all.length, failed: all.filter((one) => one.status === "failed").length, took };
    })
    .sort((a, b) => b.failed - a.failed || (b.took ?? 0) - (a.took ?? 0));
}
