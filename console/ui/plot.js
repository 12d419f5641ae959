// A plot by uPlot, in the tokens' colours, with the same numbers as a table for who cannot see it.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const HEIGHT = 210, FEW = 15, DAY = 86_400;
const DATE = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

/** @typedef {{label: string, tone: string, values: (number|null)[], points?: boolean, fill?: boolean}} Series */

/** @param {{title: string, times: number[], series: Series[], format?: (value: number) => string, most?: number}} props times in seconds */
export function Plot({ title, times, series, format = String, most }) {
  const place = useRef(/** @type {any} */ (null));
  const theme = useTheme();
  useEffect(() => {
    /** @type {any} */
    let plot = null;
    let gone = false;
    const fit = new ResizeObserver(() => plot?.setSize({ width: place.current.clientWidth, height: HEIGHT }));
    import("../vendor/uplot.js").then(({ default: UPlot }) => {
      if (gone) return;
      const ink = (/** @type {string} */ token) => colour(place.current, token);
      const axis = { stroke: ink("--muted"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line"), width: 1 }, font: `12px ${getComputedStyle(place.current).fontFamily}` };
      plot = new UPlot({
        width: place.current.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_, low, high) => [0, most ?? Math.max(1, high * 1.1)] } },
        axes: [series[0].points ? { ...axis, space: 90, values: (_, ticks, __, ___, step) => ticks.map((tick) => (step < DAY ? TIME : DATE).format(tick * 1000)) }
          : { ...axis, space: 70, incrs: [1, 2, 7, 14, 31].map((days) => days * DAY), values: (_, ticks) => ticks.map((tick) => DATE.format(tick * 1000)) },
          { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => (format === String && !Number.isInteger(tick) ? "" : format(tick))) }],
        series: [{}, ...series.map((one) => ({ label: one.label, stroke: ink(one.tone), width: 2, fill: one.fill ? ink(`${one.tone}-soft`) : undefined, ...(one.points ? { paths: () => null, points: { show: true, size: 6 } } : { points: { show: one.values.filter((value) => value !== null).length < FEW, size: 6 } }) }))],
      }, [times, ...series.map((one) => one.values)], place.current);
      fit.observe(place.current);
    });
    return () => { gone = true; fit.disconnect(); plot?.destroy(); };
  }, [times, series, theme]);
  return html`<figure class="plot"><figcaption class="actions">${series.map((one) => html`<span class="key"><i style=${{ background: `var(${one.tone})` }}></i>${one.label}</span>`)}</figcaption>
    <div ref=${place} class="drawing" role="img" aria-label=${`${title}: ${series.map((one) => one.label).join(", ")}; the numbers are in the table below`}></div>
    <details><summary>As a table</summary><div class="numbers" tabindex="0" role="region" aria-label="${title} in numbers"><table class="plain"><thead><tr><th scope="col">When (UTC)</th>${series.map((one) => html`<th scope="col">${one.label}</th>`)}</tr></thead>
      <tbody>${times.map((time, at) => html`<tr><th scope="row">${new Date(time * 1000).toISOString().slice(0, series[0].points ? 16 : 10).replace("T", " ")}</th>${series.map((one) => html`<td>${one.values[at] == null ? "–" : format(/** @type {number} */ (one.values[at]))}</td>`)}</tr>`)}</tbody></table></div></details></figure>`;
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
    return () => { dark.removeEventListener("change", change); chosen.disconnect(); };
  }, []);
  return count;
}
