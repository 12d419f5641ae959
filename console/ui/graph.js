// The steps of a plan or an execution, as a graph whose nodes are buttons.
import { html, useMemo } from "../vendor/preact.js";
import { HEIGHT, layout, WIDTH } from "../lib/layout.js";
import { tone } from "../lib/format.js";
import { Icon } from "./parts.js";

/**
 * @param {{nodes: any[], levels: string[][], chosen?: string|null, choose?: (id: string) => void, status?: (id: string) => string|undefined, sub?: (id: string) => string}} props
 */
export function Graph({ nodes, levels, chosen = null, choose = () => {}, status = () => undefined, sub = () => "" }) {
  const drawn = useMemo(() => layout(nodes, levels), [nodes, levels]);
  return html`<div class="graph"><div class="canvas" style=${{ width: `${drawn.width}px`, height: `${drawn.height}px` }}>
    <svg class="edges" width=${drawn.width} height=${drawn.height} aria-hidden="true">
      ${drawn.edges.map((edge) => html`<path d=${edge.path} data-tone=${status(edge.from) === "completed" ? "ok" : ""} class=${status(edge.to) === "pending" ? "next" : ""} />`)}
    </svg>
    <ul aria-label="Steps">${nodes.map((node) => {
      const at = drawn.places.get(node.id), now = status(node.id);
      if (!at) return null;
      return html`<li key=${node.id}><button type="button" class="node" data-tone=${now ? tone(now) : undefined} aria-pressed=${chosen === node.id} onClick=${() => choose(node.id)}
        style=${{ left: `${at.x}px`, top: `${at.y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` }}>
        <${Icon} status=${now ?? "pending"} /><span class="title">${node.id}</span><span class="sub">${node.action}${sub(node.id) ? ` · ${sub(node.id)}` : ""}</span>
        ${now ? html`<span class="hidden-label">${now}</span>` : null}
      </button></li>`;
    })}</ul>
  </div></div>`;
}
