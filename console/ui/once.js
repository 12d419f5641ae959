// Something that is shown this once.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Copy } from "./copy.js";
import { Notice } from "./parts.js";

/** @param {{title: string, text: string, value: string, children?: any}} props `children`: where to go from here */
export function Once({ title, text, value, children }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => { box.current.focus(); }, []);
  return html`<${Notice} tone="warn" role="status" title=${title}>
    <p>${text}</p>
    <div ref=${box} class="once" tabindex="-1"><${Copy} text=${value} what="what is shown once" /></div>
    ${children ? html`<div class="actions">${children}</div>` : null}
  <//>`;
}
