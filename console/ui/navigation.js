// The navigation: the pages that one may see, in their parts.
import { html } from "../vendor/preact.js";

/** @param {{parts: {title: string, pages: import("../places.js").Page[]}[], current: any}} props */
export function Navigation({ parts, current }) {
  return html`<nav id="menu" aria-label="Main">${parts.map(({ title, pages }) => html`<div key=${title} class="part">
    <p id="part-${title}" class="part-title">${title}</p>
    <ul aria-labelledby="part-${title}">${pages.map((page) => html`<li key=${page.path}>
      <a href="#/${page.path}" aria-current=${page === current ? "page" : undefined}>${page.title}</a>
    </li>`)}</ul>
  </div>`)}</nav>`;
}
