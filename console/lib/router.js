// Where in the console one is: the part of the address behind #, which no server sees.
import { useLayoutEffect, useState } from "../vendor/preact.js";

/** @typedef {{path: string[], query: URLSearchParams}} Place */

/** @returns {Place} */
export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export function usePlace() {
  const [now, set] = useState(place());
  // At once: what changed between the first drawing and an effect behind it would be heard by nobody.
  useLayoutEffect(() => {
    const changed = () => set(place());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return now;
}

/** An address in the console. @param {string[]} path @param {Record<string, any>} [query] */
export function to(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const behind = given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
  return `#/${path.map(encodeURIComponent).join("/")}${behind}`;
}

export const go = (/** @type {string} */ address) => {
  location.hash = address;
};

/** The address alone, for what a page shows of itself: nothing is made anew. */
export const keep = (/** @type {string} */ address) => history.replaceState(null, "", address);

/** Without a new entry in the history: for filters. */
export const replace = (/** @type {string} */ address) => {
  keep(address);
  dispatchEvent(new HashChangeEvent("hashchange"));
};
