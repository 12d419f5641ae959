// A text that is written by hand, in the code editor, with what is wrong with it: each fault leads to its place.
import { html, useMemo } from "../vendor/preact.js";
import { lineAt } from "../lib/drafts.js";
import { Code } from "./code.js";

/** @typedef {{from: number, to: number, message: string}} Fault places in the text, as JavaScript counts */

/**
 * @param {{
 *   label: string, hint?: string, text: string, change: (text: string) => void, faults: Fault[],
 *   language: "json"|"plain", handle: {current: any},
 * }} props
 */
export function Written({ label, hint = "", text, change, faults, language, handle }) {
  const findings = useMemo(() => faults.map((one) => ({ ...one, severity: /** @type {const} */ ("error") })), [faults]);
  return html`<div class="field"><span class="label">${label}</span>
    <div class="written" data-wrong=${faults.length > 0}>
      <${Code} text=${text} change=${change} findings=${findings} label=${label} language=${language}
        handle=${handle} />
    </div>
    ${hint ? html`<span class="hint">${hint}</span>` : null}
    ${faults.length ? html`<ul class="faults" aria-label="What is wrong with it">
      ${faults.map(({ from, to, message }) => html`<li key=${`${from} ${message}`}>
        <button type="button" onClick=${() => handle.current?.show(from, to)}>Line ${lineAt(text, from)}</button>
        ${" "}${message}</li>`)}
    </ul>` : null}
  </div>`;
}
