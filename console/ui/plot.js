// A plot by uPlot, in the tokens' colours, with the same numbers as a table for who cannot see it.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const HEIGHT = 210,
  DAY = 86_400;
const DATE = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });
const GAPS_X = [1, 2, 7, 14, 31].map((days) => days * DAY);

/** @typedef {{label: string, tone: string, values: (number|null)[]}} Series */
/**
 * @typedef {{
 *   title: string, kind: "bars"|"line"|"points", times: number[], from: number, until: number, series: Series[],
 *   format?: (value: number) => string, most?: number,
 * }} Props
 * Times are in seconds; all from `from` to `until` is shown, wherever there are values. Bars stand upon each other.
 */

/** @param {Props} props */
export function Plot(props) {
  const { title, kind, times, from, until, series } = props;
  const place = useRef(/** @type {any} */ (null));
  const theme = useTheme();
  useEffect(() => {
    /** @type {any} */
    let plot = null;
    let gone = false;
    const fit = new ResizeObserver(() => plot?.setSize({ width: place.current.clientWidth, height: HEIGHT }));
    import("../vendor/uplot.js").then(({ default: UPlot }) => {
      if (gone) return;
      plot = new /** @type {any} */ (UPlot)(
        options(UPlot, props, place.current),
        [times, ...drawn(kind, series)],
        place.current,
      );
      fit.observe(place.current);
    });
    return () => {
      gone = true;
      fit.disconnect();
      plot?.destroy();
    };
  }, [times, series, from, until, theme]);
  const about = `${title}: ${series.map((one) => one.label).join(", ")}; the numbers are in the table below`;
  return html`<figure class="plot">
    <figcaption class="actions">
      ${series.map(
        (one) => html`<span class="key"><i style=${{ background: `var(${one.tone})` }}></i>${one.label}</span>`,
      )}
    </figcaption>
    <div ref=${place} class="drawing" role="img" aria-label=${about}></div>
    <${Numbers} ...${props} />
  </figure>`;
}

function Numbers({ title, kind, times, series, format = String }) {
  const when = (/** @type {number} */ time) =>
    new Date(time * 1000)
      .toISOString()
      .slice(0, kind === "points" ? 16 : 10)
      .replace("T", " ");
  const cell = (/** @type {number|null} */ value) => html`<td>${value === null ? "–" : format(value)}</td>`;
  const cells = (/** @type {number} */ at) => series.map((one) => cell(one.values[at]));
  const heads = series.map((one) => html`<th scope="col">${one.label}</th>`);
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(event) => setOpen(event.target.open)}>
    <summary>As a table</summary>
    ${
      open
        ? html`<div class="numbers" tabindex="0" role="region" aria-label="${title} in numbers">
          <table class="plain">
            <thead><tr><th scope="col">When (UTC)</th>${heads}</tr></thead>
            <tbody>${times.map((time, at) => html`<tr><th scope="row">${when(time)}</th>${cells(at)}</tr>`)}</tbody>
          </table>
        </div>`
        : null
    }
  </details>`;
}

/**
 * What uPlot draws, the last first: bars stand upon those before them.
 * @param {Props["kind"]} kind
 * @param {Series[]} series
 */
function drawn(kind, series) {
  if (kind !== "bars") return series.map((one) => one.values);
  const upon = (/** @type {number} */ last, /** @type {number} */ at) =>
    series.slice(0, last + 1).reduce((sum, one) => sum + (one.values[at] ?? 0), 0);
  return series.map((one, last) => one.values.map((_, at) => upon(last, at))).reverse();
}

/** @param {any} UPlot @param {Props} props @param {HTMLElement} place */
function options(UPlot, { kind, from, until, series, format = String, most }, place) {
  const ink = (/** @type {string} */ token) => colour(place, token);
  const line = { stroke: ink("--line"), width: 1 };
  const axis = { stroke: ink("--muted"), grid: line, ticks: line, font: `12px ${getComputedStyle(place).fontFamily}` };
  const dates = (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map((tick) => DATE.format(tick * 1000));
  const whole = format === String;
  const values = (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
    ticks.map((tick) => (whole && !Number.isInteger(tick) ? "" : format(tick)));
  const shown = kind === "bars" ? [...series].reverse() : series;
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    padding: [8, 12, 0, 0],
    scales: {
      x: { range: () => [from, until] },
      y: { range: (_, low, high) => [0, most ?? (whole ? Math.max(4, high * 1.1) : high * 1.15 || 1)] },
    },
    axes: [
      { ...axis, space: 64, incrs: GAPS_X, values: dates },
      { ...axis, size: 72, values },
    ],
    series: [
      {},
      ...shown.map((one) => ({
        label: one.label,
        stroke: ink(one.tone),
        width: 2,
        ...look(UPlot, kind, ink(one.tone)),
      })),
    ],
  };
}

/** @param {any} UPlot @param {Props["kind"]} kind @param {string} ink */
function look(UPlot, kind, ink) {
  if (kind === "bars")
    return { fill: ink, width: 0, paths: UPlot.paths.bars({ size: [0.7, 36] }), points: { show: false } };
  const points = { show: true, size: kind === "points" ? 6 : 5, fill: ink };
  return kind === "points" ? { paths: () => null, points } : { points };
}

/** A token's colour as it is now: what `light-dark()` comes to is known to elements alone. */
function colour(/** @type {HTMLElement} */ place, /** @type {string} */ token) {
  const probe = document.createElement("i");
  probe.style.color = `var(${token})`;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Changes when light becomes dark, or the other way round. */
function useTheme() {
  const [count, set] = useState(0);
  useEffect(() => {
    const change = () => set((was) => was + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const chosen = new MutationObserver(change);
    dark.addEventListener("change", change);
    chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      dark.removeEventListener("change", change);
      chosen.disconnect();
    };
  }, []);
  return count;
}
