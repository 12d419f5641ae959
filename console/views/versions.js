// The versions of an intent, and what changed between any two: in words, line by line, and as JSON Patch.
import { html, useMemo, useState } from "../vendor/preact.js";
import { get, part, post } from "../lib/api.js";
import { lines } from "../lib/diff.js";
import { Asking, Card, Choice, Failure, Json, Loaded, Time, useLoaded } from "../ui/parts.js";

/** @type {Record<string, string>} */
const TONES = { active: "ok", draft: "run" };

export function Versions({ intent, me, reload }) {
  const path = `/intents/${part(intent.name)}`;
  const list = useLoaded(() => get(`${path}/versions`, { limit: 50 }), [intent.name, intent.updated_at]);
  const [pair, setPair] = useState({ from: Math.max(1, intent.latest_version - 1), to: intent.latest_version });
  return html`<${Card} title="Versions"><div class="stack">
    <${Loaded} of=${list}>${(page) => html`
      <ol class="timeline">
        ${page.items.map(
          (one) => html`<${Version} key=${one.version} version=${one} path=${path} pair=${pair} setPair=${setPair}
          me=${me} reload=${reload} />`,
        )}
      </ol>
      ${
        page.items.length > 1
          ? html`<${Diff} path=${path} pair=${pair} setPair=${setPair}
            versions=${page.items.map((one) => one.version)} />`
          : null
      }`}<//>
  </div><//>`;
}

function Version({ version: one, path, pair, setPair, me, reload }) {
  const before = { from: one.version - 1, to: one.version };
  const shown = pair.from === before.from && pair.to === before.to;
  const back = async (/** @type {string} */ message) => {
    await post(`${path}/rollback`, { version: one.version, ...(message ? { message } : {}) });
    await reload();
  };
  const may = one.state === "superseded" && me.operations.includes("intents.update");
  return html`<li data-tone=${TONES[one.state] ?? "idle"}><div class="stack tight">
    <span><b>Version ${one.version}</b> <span class="muted small">
      ${one.state}, <${Time} at=${one.created_at} /> by ${one.created_by}</span></span>
    ${one.message ? html`<span>${one.message}</span>` : null}
    <span class="actions">
      ${
        one.version > 1
          ? html`<button type="button" class="button quiet" aria-pressed=${shown} onClick=${() => setPair(before)}>
            What changed<span class="hidden-label"> in version ${one.version}</span>
          </button>`
          : null
      }
      ${
        may
          ? html`<${Asking} label="Go back to ${one.version}" kind="quiet"
            title="Make version ${one.version} the active one again?"
            text="A new version gets its content." field="What for (optional)" confirm="Go back" run=${back}
            done="A new version has the old content." />`
          : null
      }
    </span>
  </div></li>`;
}

function Diff({ path, pair, setPair, versions }) {
  const diff = useLoaded(() => compared(path, pair), [path, pair.from, pair.to]);
  const numbers = versions.map((one) => [String(one), String(one)]);
  const pick = (
    /** @type {"from"|"to"} */ end,
    /** @type {string} */ label,
  ) => html`<${Choice} id="diff-${end}" label=${label}
    value=${String(pair[end])} of=${numbers} any=${null}
      change=${(value) => setPair({ ...pair, [end]: Number(value) })} />`;
  return html`<section class="stack tight" aria-labelledby="diff">
    <h3 id="diff">What changed</h3>
    <div class="filters">${pick("from", "From")}${pick("to", "To")}</div>
    <${Failure} error=${diff.error} />
    ${diff.value ? html`<${Changes} ...${diff.value} />` : null}
  </section>`;
}

/** @param {string} path @param {{from: number, to: number}} pair */
async function compared(path, pair) {
  const version = (/** @type {number} */ number) => get(`${path}/versions/${number}`);
  const [diff, from, to] = await Promise.all([get(`${path}/diff`, pair), version(pair.from), version(pair.to)]);
  return { diff, from: from.definition, to: to.definition };
}

function Changes({ diff, from, to }) {
  const found = useMemo(() => lines(JSON.stringify(from, null, 2), JSON.stringify(to, null, 2)), [from, to]);
  const words = (diff.text || "Nothing.").split("\n").filter(Boolean);
  return html`<div role="status"><ul class="changes">${words.map((line) => html`<li>${line}</li>`)}</ul></div>
    ${
      diff.patch.length
        ? html`<details open><summary>Line by line</summary><${Lines} lines=${found} /></details>
          <details><summary>As JSON Patch</summary><${Json} label="JSON Patch" value=${diff.patch} /></details>`
        : null
    }`;
}

/** @type {Record<string, string>} */
const SIGNS = { added: "+", gone: "−", same: " ", cut: " " };

function Lines({ lines: all }) {
  return html`<div class="diff" tabindex="0" role="region" aria-label="Changed lines"><table><tbody>
    ${all.map(
      (line) => html`<tr class=${line.kind}>
      <td class="number">${line.before ?? ""}</td>
      <td class="number">${line.after ?? ""}</td>
      <td class="sign">${SIGNS[line.kind]}</td>
      <td><code>${line.text}</code></td>
    </tr>`,
    )}
  </tbody></table></div>`;
}
