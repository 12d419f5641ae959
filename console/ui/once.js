// Something that is shown this once, with a button that copies it.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Action, Notice } from "./parts.js";

/** @param {{title: string, text: string, value: string, children?: any}} props `children`: where to go from here */
export function Once({ title, text, value, children }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => { box.current.focus(); }, []);
  return html`<${Notice} tone="warn" role="status" title=${title}>
    <p>${text}</p>
    <div ref=${box} class="once" tabindex="-1"><code>${value}</code></div>
    <div class="actions">
      <${Action} label="Copy" kind="primary" run=${() => navigator.clipboard.writeText(value)} done="Copied." />
      ${children}
    </div>
  <//>`;
}
