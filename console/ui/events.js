// The events of an execution, the newest of them; those before are shown when they are asked for.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { cause, clock, tone } from "../lib/format.js";

const NEWEST = 150;

/** @param {{events: any[], count: number}} props `count` changes when there are more */
export function Events({ events, count }) {
  const list = useRef(/** @type {any} */ (null));
  const [all, setAll] = useState(false);
  const below = useRef(true);
  useEffect(() => {
    if (below.current) list.current.scrollTop = list.current.scrollHeight;
  }, [count]);
  const scrolled = ({ target }) => {
    below.current = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
  };
  const shown = all ? events : events.slice(-NEWEST);
  const before = events.length - shown.length;
  // Not live for screen readers: there may be hundreds a minute. The page tells how it stands in a sentence.
  return html`<div class="events" ref=${list} role="log" aria-live="off" aria-label="Events" tabindex="0"
    onScroll=${scrolled}>
    ${before ? html`<button type="button" class="button quiet small"
      onClick=${() => setAll(true)}>Show ${before} before</button>` : null}
    <ol>${shown.map((event) => html`<${Event} key=${event.cursor} event=${event} />`)}</ol>
  </div>`;
}

function Event({ event }) {
  const about = [
    event.step,
    event.item == null ? "" : `item ${event.item + 1}`,
    event.attempt > 1 ? `attempt ${event.attempt}` : "",
  ];
  const said = [about.filter(Boolean).join(", "), event.error ? cause(event.error) : ""].filter(Boolean).join(" – ");
  return html`<li data-tone=${tone(event.type.split("_").at(-1))}>
    <time datetime=${event.time}>${clock(event.time)}</time>
    <b>${event.type.replaceAll("_", " ")}</b>
    <span>${said}</span>
  </li>`;
}
