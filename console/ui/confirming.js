// A question that is answered by typing a name: for what nobody can take back.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Failure, Field, Notice, useToasts } from "./parts.js";

/** @param {any} props `name` has to be typed; `text` says what will be gone */
export function Confirming({ label, title, text, name, confirm, run, done }) {
  const dialog = useRef(/** @type {any} */ (null));
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [error, setError] = useState(null);
  const { tell } = useToasts();
  useEffect(() => { if (open) dialog.current.showModal(); }, [open]);
  const close = () => { setOpen(false); setTyped(""); setError(null); };
  const submit = async (event) => {
    event.preventDefault();
    try {
      await run();
      dialog.current?.close();
      if (done) tell("ok", done);
    } catch (problem) { setError(problem); }
  };
  return html`<button type="button" class="button danger" onClick=${() => setOpen(true)}>${label}</button>
    ${open ? html`<dialog ref=${dialog} onClose=${close} aria-labelledby="confirm-title"><form onSubmit=${submit}>
      <h2 id="confirm-title">${title}</h2>
      <${Notice} tone="bad" role="note" title="This cannot be taken back"><p>${text}</p><//>
      <${Field} id="confirm-name" label="Type ${name} to go on">
        <input id="confirm-name" class="input mono" autocomplete="off" spellcheck="false" value=${typed}
          onInput=${(event) => setTyped(event.target.value)} />
      <//>
      <${Failure} error=${error} />
      <div class="actions">
        <button type="button" class="button quiet" onClick=${() => dialog.current.close()}>Not now</button>
        <button class="button danger" disabled=${typed !== name}>${confirm}</button>
      </div>
    </form></dialog>` : null}`;
}
