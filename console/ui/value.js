// What something came to: as JSON, or, if it is large, its beginning and a way to all of it.
import { html, useState } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { bytes } from "../lib/format.js";
import { Action, Json } from "./parts.js";

/** Most characters that are put into the page; the file has all. */
const SHOWN = 200_000;

/**
 * @param {{label: string, value: any}} props `value` may be a reference: `$ref`, `size` and `preview` (docs/data.md)
 */
export function Value({ label, value }) {
  if (!value?.$ref) return html`<${Json} label=${label} value=${value} />`;
  return html`<${Large} key=${value.$ref} label=${label} reference=${value} />`;
}

function Large({ label, reference }) {
  const [whole, setWhole] = useState(/** @type {string|null} */ (null));
  const load = async () => JSON.stringify(await get(reference.$ref), null, 2);
  const cut = whole !== null && whole.length > SHOWN;
  const shown = whole === null ? JSON.stringify(reference.preview, null, 2) : whole.slice(0, SHOWN);
  return html`<div class="stack tight">
    <p class="small muted">${bytes(reference.size)}${whole === null ? ", of which this is the beginning" : ""}
      ${cut ? "; the file has all" : ""}.</p>
    <pre class="json" tabindex="0" role="region" aria-label=${label}>${shown}</pre>
    <div class="actions">
      ${whole === null ? html`<${Action} label="Show all of it" run=${async () => setWhole(await load())} />` : null}
      <${Action} label="Download" kind="quiet"
        run=${async () => save(await load(), `${label.replace(/\W+/g, "-").toLowerCase()}.json`)} />
    </div>
  </div>`;
}

function save(/** @type {string} */ text, /** @type {string} */ name) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
