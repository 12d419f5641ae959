// The steps of a plan or an execution, as a graph whose nodes are buttons: one is reached by Tab, the others by arrows.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { columnsIn, HEIGHT, layout, neighbour, widthFor } from "../lib/layout.js";
import { tone } from "../lib/format.js";
import { Icon, useWidth } from "./parts.js";

const PADDING = 16,
  TALLEST = 530,
  SMALLEST = 0.15,
  READABLE = 0.7,
  STEP = 1.25;

/** Where there is room for fewer columns, levels lie below each other. */
const FEW = 3;

/**
 * @typedef {{
 *   nodes: {id: string, action: string, depends_on: string[]}[], levels: string[][], chosen?: string|null,
 *   choose?: (id: string) => void, status?: (id: string) => string|undefined, sub?: (id: string) => string,
 * }} Props
 */

/** @param {Props} props */
export function Graph({ nodes, levels, chosen = null, choose = () => {}, status = () => undefined, sub = () => "" }) {
  const frame = useRef(/** @type {any} */ (null));
  const room = useWidth(frame) - 2 * PADDING;
  const wide = widthFor(nodes);
  const down = columnsIn(room) < FEW;
  const across = columnsIn(down ? room / READABLE : room, wide);
  const drawn = useMemo(() => layout(nodes, levels, across, down, wide), [nodes, levels, across, down, wide]);
  const [zoom, setZoom] = useState(/** @type {number|null} */ (null));
  const fit = Math.max(SMALLEST, Math.min(1, room / drawn.width, TALLEST / drawn.height));
  const scale = zoom ?? Math.max(READABLE, fit);
  const large = fit < 1 || zoom !== null;
  const size = (/** @type {number} */ by) => ({ width: `${drawn.width * by}px`, height: `${drawn.height * by}px` });
  return html`<div class="graph-frame" ref=${frame}>
    ${large && room > 0 ? html`<${Zoom} scale=${scale} fit=${fit} set=${setZoom} />` : null}
    <div class="graph"><div class="sized" style=${size(scale)}>
      <div class="canvas" style=${{ ...size(1), transform: `scale(${scale})` }}>
        <${Edges} drawn=${drawn} status=${status} />
        <${Nodes} nodes=${nodes} places=${drawn.places} wide=${wide} chosen=${chosen} choose=${choose}
          status=${status} sub=${sub} />
      </div>
    </div></div>
  </div>`;
}

function Zoom({ scale, fit, set }) {
  const by = (/** @type {number} */ factor) => () => set(Math.min(2, Math.max(SMALLEST, scale * factor)));
  return html`<div class="zoom" role="group" aria-label="Size of the graph">
    <button type="button" class="button quiet" onClick=${by(1 / STEP)} aria-label="Smaller">−</button>
    <span class="small muted">${Math.round(scale * 100)} %</span>
    <button type="button" class="button quiet" onClick=${by(STEP)} aria-label="Larger">+</button>
    <button type="button" class="button quiet" aria-pressed=${scale === fit}
      onClick=${() => set(fit)}>All of it</button>
  </div>`;
}

function Edges({ drawn, status }) {
  return html`<svg class="edges" width=${drawn.width} height=${drawn.height} aria-hidden="true">
    ${drawn.edges.map(
      (edge) => html`<path d=${edge.path} data-tone=${status(edge.from) === "completed" ? "ok" : ""}
      class=${status(edge.to) === "pending" ? "next" : ""} />`,
    )}
  </svg>`;
}

function Nodes({ nodes, places, wide, chosen, choose, status, sub }) {
  const list = useRef(/** @type {any} */ (null));
  const [visited, visit] = useState(/** @type {string|null} */ (null));
  const entry = [visited, chosen].find((id) => id !== null && places.has(id)) ?? nodes[0]?.id;
  const pressed = (event) => {
    const ids = [...places.keys()];
    const next = event.key === "Home" ? ids[0] : event.key === "End" ? ids.at(-1) : neighbour(places, entry, event.key);
    if (next === entry || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    visit(next);
    list.current.querySelector(`[data-step="${CSS.escape(next)}"]`)?.focus();
  };
  useEffect(() => visit(null), [chosen]);
  return html`<ul aria-label="Steps" ref=${list} onKeyDown=${pressed}>
    ${nodes.map((node) => {
      const at = places.get(node.id);
      if (!at) return null;
      return html`<${Node} key=${node.id} node=${node} at=${at} wide=${wide} status=${status(node.id)}
        sub=${sub(node.id)} chosen=${chosen === node.id} entry=${entry === node.id} choose=${choose} visit=${visit} />`;
    })}
  </ul>`;
}

function Node({ node, at, wide, status, sub, chosen, entry, choose, visit }) {
  const place = { left: `${at.x}px`, top: `${at.y}px`, width: `${wide}px`, height: `${HEIGHT}px` };
  const ink = status ? tone(status) : undefined;
  return html`<li><button type="button" class="node" style=${place} data-step=${node.id} data-tone=${ink}
    tabindex=${entry ? 0 : -1} aria-pressed=${chosen} title=${node.id}
    onFocus=${() => visit(node.id)} onClick=${() => choose(node.id)}>
    <${Icon} status=${status ?? "pending"} />
    <span class="title">${node.id}</span>
    <span class="sub">${node.action}${sub ? ` · ${sub}` : ""}</span>
    ${status ? html`<span class="hidden-label">${status}</span>` : null}
  </button></li>`;
}
