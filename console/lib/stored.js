// Things that are put under their names: read with the tag of the state that was seen, and changed only from that one.
import { ask, Problem, send } from "./api.js";

/** @typedef {{value: any, tag: string}} Stored */

/** @returns {Promise<Stored>} */
export async function read(/** @type {string} */ path) {
  const response = await send("GET", path);
  return { value: await response.json(), tag: response.headers.get("ETag") ?? "" };
}

const only = (/** @type {string} */ tag) => (tag ? { "If-Match": tag } : {});

/** Change what there is, if it is still as it was seen; with no tag, whatever it is. */
export const change = (/** @type {string} */ path, /** @type {any} */ body, tag = "", method = "PUT") =>
  ask(method, path, { body, headers: only(tag) });

/** Make what there is not: putting would change one of that name, which nobody meant. */
export async function create(/** @type {string} */ path, /** @type {any} */ body) {
  const there = await send("GET", path).then(
    () => true,
    (error) => {
      if (error.status === 404) return false;
      throw error;
    },
  );
  const detail = "There is one of this name already: choose another, or change that one.";
  if (there) throw new Problem({ detail }, 409);
  return ask("PUT", path, { body });
}

export const remove = (/** @type {string} */ path, tag = "", query = {}) =>
  ask("DELETE", path, { query, headers: only(tag) });
