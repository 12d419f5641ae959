// Signing in by OpenID Connect: the authorization code flow with PKCE (RFC 7636), for a page that can keep no secret.
// Tokens are in this tab's sessionStorage and in no address; the code is taken out of the address at once.

const KEPT = "quantum.session";
const BEGUN = "quantum.sign-in";
const EARLY = 60;
/** Seconds before its end at which a token is replaced. */

/** @typedef {{issuer: string|null, client_id: string, scopes: string[]}} Config */
/** @typedef {{access: string, refresh: string|null, ends: number}} Session */

/** @type {Config} */
let config;
/** @type {Promise<any>|null} */
let discovered = null;
/** @type {Promise<string|null>|null} */
let refreshing = null;

/** What the server says about signing in; and the end of a sign-in, if one has just come back. */
export async function begin() {
  config = await (await fetch("/console/config.json")).json();
  if (config.issuer && elsewhereOnThisMachine(config.issuer)) {
    location.replace(new URL("/console" + location.hash, config.issuer));
    return new Promise(() => {});
  }
  const answer = new URLSearchParams(location.search);
  if (!answer.has("code") && !answer.has("error")) return config;
  const begun = JSON.parse(sessionStorage.getItem(BEGUN) ?? "null");
  sessionStorage.removeItem(BEGUN);
  history.replaceState(null, "", location.pathname + (begun?.hash ?? ""));
  if (begun === null || answer.get("state") !== begun.state)
    throw new Error("This sign-in was not begun here. Try again.");
  if (answer.has("error")) throw new Error(answer.get("error_description") ?? answer.get("error"));
  const { issuer } = await discover();
  if (answer.has("iss") && answer.get("iss") !== issuer)
    throw new Error("The answer is from another issuer than was asked.");
  await ask({
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: redirectUri(),
    code_verifier: begun.verifier,
  });
  return config;
}

export const signedIn = () => session() !== null;

/** Leave for the issuer's page. */
export async function signIn() {
  const { authorization_endpoint } = await discover();
  const verifier = random(),
    state = random();
  sessionStorage.setItem(BEGUN, JSON.stringify({ verifier, state, hash: location.hash }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const asked = {
    client_id: config.client_id,
    response_type: "code",
    redirect_uri: redirectUri(),
    scope: config.scopes.join(" "),
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  location.assign(`${authorization_endpoint}?${new URLSearchParams(asked)}`);
}

/** Forget the tokens; with an issuer that has a page for it, end its session too. */
export async function signOut() {
  sessionStorage.removeItem(KEPT);
  const { end_session_endpoint } = await discover().catch(() => ({}));
  if (end_session_endpoint) {
    const told = { client_id: config.client_id, post_logout_redirect_uri: redirectUri() };
    location.assign(
      `${end_session_endpoint}?${new URLSearchParams(told)}`,
    );
  } else {
    location.replace("/console");
  }
}

/**
 * A token that is good for a while; null: somebody has to sign in.
 * @param {boolean} [renew] although it has time left
 */
export async function token(renew = false) {
  const now = session();
  if (now === null) return null;
  if (!renew && now.ends - EARLY > Date.now() / 1000) return now.access;
  if (now.refresh === null) return renew ? null : now.access;
  refreshing ??= ask({ grant_type: "refresh_token", refresh_token: now.refresh })
    .then(
      (got) => got.access,
      () => {
        sessionStorage.removeItem(KEPT);
        return null;
      },
    )
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

/** @returns {Session|null} */
function session() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
}

/** @param {Record<string, string|null>} form */
async function ask(form) {
  const { token_endpoint } = await discover();
  const body = new URLSearchParams({
    client_id: config.client_id,
    scope: config.scopes.join(" "),
    .../** @type {any} */ (form),
  });
  const response = await fetch(token_endpoint, { method: "POST", body });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error_description ?? answer.error);
  const got = {
    access: answer.access_token,
    refresh: answer.refresh_token ?? form.refresh_token ?? null,
    ends: Date.now() / 1000 + answer.expires_in,
  };
  sessionStorage.setItem(KEPT, JSON.stringify(got));
  return got;
}

async function discover() {
  if (!config.issuer) throw new Error("This host has no QUANTUM_CONSOLE_ISSUER.");
  discovered ??= fetch(`${config.issuer}/.well-known/openid-configuration`).then((response) => response.json());
  return discovered.catch((error) => {
    discovered = null;
    throw error;
  });
}

// The local issuer's address is 127.0.0.1, and people type localhost: to browsers those are two places.
function elsewhereOnThisMachine(/** @type {string} */ issuer) {
  const local = ["localhost", "127.0.0.1", "[::1]"];
  const there = new URL(issuer);
  return (
    there.origin !== location.origin &&
    local.includes(there.hostname) &&
    local.includes(location.hostname) &&
    there.port === location.port
  );
}

const redirectUri = () => `${location.origin}/console`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (/** @type {Uint8Array} */ bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
