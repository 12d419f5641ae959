// The console: who is there, in which tenant, and which view.
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { get, tenant, whenSignedOut } from "./lib/api.js";
import { begin, signedIn, signIn, signOut } from "./lib/auth.js";
import { usePlace } from "./lib/router.js";
import { partsFor } from "./places.js";
import { Navigation } from "./ui/navigation.js";
import { Failure, Toasts } from "./ui/parts.js";
import { Suspended } from "./views/suspended.js";

const ICON = new URL("./icon.svg", import.meta.url).pathname;

function App({ config, problem }) {
  const [me, setMe] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(problem);
  const [out, setOut] = useState(!signedIn());
  const load = async () => {
    try {
      setMe(await whoIsThere());
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => {
    whenSignedOut(() => setOut(true));
    if (!out) load();
  }, []);
  if (out) return html`<${Welcome} config=${config} error=${error} />`;
  if (!me)
    return html`<main class="welcome"><div>
      ${error
        ? html`<div class="stack"><h1 class="hidden-label">Quantum</h1>
            <${Failure} error=${error} title="You cannot come in" />
            ${error.code === "TENANT_SUSPENDED" ? html`<${Suspended} />` : null}
            <div><button class="button" onClick=${signOut}>Sign out</button></div></div>`
        : html`<p role="status">Loading…</p>`}
    </div></main>`;
  return html`<${Shell} me=${me} change=${(id) => {
    tenant.set(id);
    location.hash = "";
    setMe(null);
    load();
  }} />`;
}

/** Who is there; somebody with several tenants is in the one that this tab was in, or else the first. */
async function whoIsThere() {
  const known = tenant.get();
  tenant.set("");
  const all = await get("/me");
  const ids = all.tenants.map((one) => one.id);
  const order = ids.includes(known) ? [known, ...ids.filter((id) => id !== known)] : ids;
  if (order.length < 2) return all;
  for (const [at, id] of order.entries()) {
    tenant.set(id);
    try {
      return await get("/me");
    } catch (error) {
      if (at === order.length - 1) throw error;
    } // one that is suspended, say
  }
  return all;
}

function Welcome({ config, error }) {
  return html`<main class="welcome"><div class="card">
    <span class="brand"><img src=${ICON} alt="" />Quantum</span>
    <div><h1>Sign in</h1><p class="muted">Watch, steer and approve what your intents do.</p></div>
    <${Failure} error=${error} title="The sign-in did not work" />
    ${
      config.issuer
        ? html`<button class="button primary" onClick=${signIn}>Sign in</button>
          <p class="muted small">You are sent to <b>${new URL(config.issuer).host}</b> and come back here.</p>`
        : html`<p>Nobody can sign in here yet: the operator has to set <code>QUANTUM_CONSOLE_ISSUER</code>.</p>`
    }
  </div></main>`;
}

function Shell({ me, change }) {
  const place = usePlace();
  const [open, setOpen] = useState(false);
  const main = useRef(/** @type {any} */ (null));
  const parts = partsFor(me.operations);
  const shown = parts.flatMap((part) => part.pages);
  const view = shown.find((one) => one.path === (place.path[0] ?? shown[0]?.path));
  const at = place.path.join("/");
  // With the page, not after it has been drawn: who presses Tab by then would be led back to its beginning.
  useLayoutEffect(() => {
    setOpen(false);
    const [, name, what] = place.path;
    document.title = `${(name === "new" && what ? view?.title : (name ?? view?.title)) ?? "Not found"} · Quantum`;
    if (place.path.length) main.current.focus();
  }, [at]);
  const View = place.path.length > 1 ? view?.one : view?.view;
  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    main.current.focus();
  }}>To the content</a>
  <div class="shell">
    <header class="side" data-open=${open}>
      <a class="brand" href="#/"><img src=${ICON} alt="" />Quantum</a>
      <button class="button quiet menu-button" aria-expanded=${open} aria-controls="menu"
        onClick=${() => setOpen(!open)}>Menu</button>
      <${Navigation} parts=${parts} current=${view} />
      <${Who} me=${me} change=${change} />
    </header>
    <main id="main" ref=${main} tabindex="-1">
      ${View
        ? html`<${View} key=${at} place=${place} me=${me} />`
        : html`<h1>There is no such page</h1><p>It may be one that you may not see.</p>`}
    </main>
  </div>
  <${Toasts} />`;
}

function Who({ me, change }) {
  return html`<div class="who">
    ${
      me.tenants.length > 1
        ? html`<label class="small muted" for="tenant">Tenant</label>
          <select id="tenant" class="input" value=${me.tenant_id} onChange=${(event) => change(event.target.value)}>
            ${me.tenants.map((one) =>
              html`<option value=${one.id} selected=${one.id === me.tenant_id}>${one.id}</option>`)}
          </select>`
        : html`<span class="who-line"><span class="tag">${me.tenant_id}</span></span>`
    }
    <span class="who-line"><span title=${me.principal}>${me.principal}</span></span>
    <span class="muted small">${me.roles.join(", ")}</span>
    <div class="actions"><${Theme} /><button class="button quiet" onClick=${signOut}>Sign out</button></div>
  </div>`;
}

const THEMES = [["", "Auto"], ["light", "Light"], ["dark", "Dark"]];

function Theme() {
  const root = document.documentElement;
  const [theme, set] = useState(root.dataset.theme ?? "");
  const change = (/** @type {string} */ chosen) => {
    set(chosen);
    if (chosen) {
      root.dataset.theme = chosen;
      localStorage.setItem("quantum.theme", chosen);
    } else {
      delete root.dataset.theme;
      localStorage.removeItem("quantum.theme");
    }
  };
  return html`<label class="hidden-label" for="theme">Theme</label>
    <select id="theme" class="input" value=${theme} onChange=${(event) => change(event.target.value)}>
      ${THEMES.map(([one, words]) => html`<option value=${one} selected=${one === theme}>${words}</option>`)}
    </select>`;
}

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let config = { issuer: null },
  problem = null;
try {
  config = await begin();
} catch (error) {
  problem = error;
  config = await (await fetch("/console/config.json")).json();
}
render(html`<${App} config=${config} problem=${problem} />`, root);
