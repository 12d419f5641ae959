// An archive of a folder that container images are built from: it is uploaded here, and steps name what it is called.
import { html, useState } from "../vendor/preact.js";
import { ask } from "../lib/api.js";
import { bytes, full } from "../lib/format.js";
import { Copy } from "../ui/copy.js";
import { Saving, useForm } from "../ui/forms.js";
import { Card, Field, Notice } from "../ui/parts.js";

const PACKED = /\.(tgz|gz)$/;

export function BuildContext() {
  const form = useForm({ file: null });
  const [kept, setKept] = useState(/** @type {any} */ (null));
  const save = form.submit(async ({ file }) => {
    setKept(null);
    const type = PACKED.test(file.name) ? "application/gzip" : "application/x-tar";
    setKept(await ask("POST", "/contexts", { body: file, headers: { "Content-Type": type } }));
  });
  // A file that was changed on the disk cannot be read any more; chosen again, it has to be a change.
  const again = (/** @type {any} */ event) => { event.target.value = ""; };
  return html`<${Card} title="Upload a build context"><form class="stack" onSubmit=${save}>
    <${Field} id="context" label="Archive" hint="A tar or tar.gz of the folder with the Dockerfile">
      <input id="context" class="input" type="file" accept=".tar,.tgz,.gz" required aria-describedby="context-hint"
        onClick=${again} onChange=${(event) => form.set("file", event.target.files[0])} /><//>
    <${Saving} form=${form} label="Upload" title="It was not kept" />
    ${kept ? html`<${Notice} tone="ok" role="status" title="Give this to a step as its context">
      <${Copy} text=${kept.reference} what="the context's name" />
      <p class="small muted">${bytes(kept.size)}, kept until ${full(kept.expires_at)} at least.</p><//>` : null}
  </form><//>`;
}
