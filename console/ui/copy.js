// A text to take elsewhere, with a button that copies it.
import { html } from "../vendor/preact.js";
import { Action } from "./parts.js";

/** @param {{text: string, what: string}} props `what` is copied, for who cannot see what stands beside the button */
export function Copy({ text, what }) {
  const copy = () => navigator.clipboard.writeText(text);
  return html`<span class="copy">
    <code>${text}</code>
    <${Action} label="Copy" kind="quiet small" about=${what} run=${copy} done="Copied." />
  </span>`;
}
