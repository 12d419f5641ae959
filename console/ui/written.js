// A text that is written by hand: its lines are numbered, and what is wrong with it leads to its place.
import { html, useRef } from "../vendor/preact.js";

/** @typedef {{line: number, column: number, offset: number, length: number, message: string}} Fault */

/**
 * `faults` are of the text as it was when they were found; places are in Unicode characters, as the platform has them.
 * @param {{
 *   id: string, label: string, hint?: string, text: string, change: (text: string) => void, faults: Fault[],
 * }} props
 */
export function Written({ id, label, hint = "", text, change, faults }) {
  const area = useRef(/** @type {any} */ (null));
  const count = text.split("\n").length;
  const wrong = new Set(faults.map((one) => one.line));
  const show = (/** @type {Fault} */ fault) => {
    const at = (/** @type {number} */ place) => Array.from(text).slice(0, place).join("").length;
    area.current.focus();
    area.current.setSelectionRange(at(fault.offset), at(fault.offset + fault.length));
    // The lines scroll together, and a browser does not do that for a selection.
    const frame = area.current.parentElement;
    frame.scrollTop = (fault.line - 3) * (area.current.clientHeight / area.current.rows);
  };
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="written" data-wrong=${faults.length > 0}>
      <pre aria-hidden="true">${Array.from({ length: count }, (_, at) => at + 1).map((line) => (wrong.has(line)
        ? html`<mark>${line}</mark>${"\n"}` : `${line}\n`))}</pre>
      <textarea id=${id} ref=${area} class="mono" rows=${Math.max(count, 6)} wrap="off" spellcheck="false" value=${text}
        aria-invalid=${faults.length ? true : undefined} aria-describedby="${id}-hint ${id}-faults"
        onInput=${(event) => change(event.target.value)} />
    </div>
    ${hint ? html`<span class="hint" id="${id}-hint">${hint}</span>` : null}
    <ul class="faults" id="${id}-faults" aria-label="What is wrong with it" hidden=${!faults.length}>
      ${faults.map((fault) => html`<li key=${`${fault.offset} ${fault.message}`}>
        <button type="button" onClick=${() => show(fault)}>${fault.message}</button></li>`)}
    </ul>
  </div>`;
}
