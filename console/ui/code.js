// An editor for JSON and other texts: CodeMirror, loaded by the pages that write something. It lives in a shadow root,
// where its styles are a sheet that it constructs: as <style> the page's Content-Security-Policy would refuse them.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { keysAt, names, valuesAt } from "../lib/completing.js";
import { spotAt, valueOf } from "../lib/jsontree.js";
import { Notice } from "./parts.js";

/** @typedef {{from: number, to: number, severity: "error"|"warning", message: string}} Finding */
/** @typedef {{schema: any, actions: any[]}} Known of what can be written, for completing it */

const KEYS = "Tab indents; Escape and then Tab leaves. F8 goes to the next finding.";

/**
 * It begins with `text` and then keeps its own, which it tells: what is told late must not overwrite what is newer.
 * `handle.current` gets `show(from, to)`, which puts the caret there, and `replace(text)`.
 * @param {{
 *   text: string, change: (text: string) => void, findings: Finding[], known?: Known|null, handle: {current: any},
 *   label?: string, language?: "json"|"plain",
 * }} props
 */
export function Code({
  text,
  change,
  findings,
  known = null,
  handle,
  label = "Definition, as JSON",
  language = "json",
}) {
  const place = useRef(/** @type {any} */ (null));
  const editor = useRef(/** @type {any} */ (null));
  const latest = useRef(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  latest.current = { text, change, findings, known };
  useEffect(() => {
    let gone = false;
    import("../vendor/codemirror.js").then((mirror) => {
      if (gone) return;
      editor.current = open(mirror, place.current, latest, { label, language });
      const { view, replace } = editor.current;
      handle.current = { replace, show: (from, to) => show(view, from, to) };
    }, setError);
    return () => {
      gone = true;
      editor.current?.view.destroy();
    };
  }, []);
  useEffect(() => editor.current?.mark(findings), [findings]);
  return html`<div class="code" ref=${place}></div>
    ${error ? html`<${Notice} title="The editor could not be loaded"><p>Reload the page.</p><//>` : null}`;
}

/**
 * @param {any} mirror
 * @param {HTMLElement} place
 * @param {{current: any}} latest
 * @param {{label: string, language: string}} about
 */
function open(mirror, place, latest, about) {
  const { EditorState, EditorView, setDiagnostics } = mirror;
  const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  const told = EditorView.updateListener.of((update) => {
    if (update.docChanged) latest.current.change(update.state.doc.toString());
  });
  const state = EditorState.create({
    doc: latest.current.text,
    extensions: [...extensions(mirror, () => latest.current.known, about), told],
  });
  const view = new EditorView({ state, root, parent: root });
  const mark = (/** @type {Finding[]} */ findings) => {
    const length = view.state.doc.length;
    const inside = findings.map((one) => ({ ...one, from: Math.min(one.from, length), to: Math.min(one.to, length) }));
    view.dispatch(setDiagnostics(view.state, inside));
  };
  const replace = (/** @type {string} */ text) => {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  };
  mark(latest.current.findings);
  return { view, mark, replace };
}

/** @param {any} view @param {number} from @param {number} [to] */
function show(view, from, to = from) {
  const inside = (/** @type {number} */ place) => Math.min(place, view.state.doc.length);
  view.dispatch({ selection: { anchor: inside(from), head: inside(to) }, scrollIntoView: true });
  view.focus();
}

/** @param {any} mirror @param {() => Known|null} known @param {{label: string, language: string}} about */
function extensions(mirror, known, { label, language }) {
  const { autocompletion, keymap, EditorState, EditorView } = mirror;
  return [
    mirror.lineNumbers(),
    mirror.lintGutter(),
    mirror.foldGutter(),
    mirror.highlightActiveLine(),
    mirror.highlightActiveLineGutter(),
    mirror.history(),
    mirror.drawSelection(),
    mirror.indentOnInput(),
    mirror.bracketMatching(),
    mirror.closeBrackets(),
    mirror.highlightSelectionMatches(),
    mirror.search({ top: true }),
    ...(language === "json"
      ? [
          mirror.json(),
          mirror.syntaxHighlighting(colours(mirror)),
          autocompletion({ override: [(context) => complete(mirror, context, known())], icons: false }),
        ]
      : []),
    keymap.of([
      ...mirror.closeBracketsKeymap,
      ...mirror.completionKeymap,
      ...mirror.lintKeymap,
      ...mirror.searchKeymap,
      ...mirror.foldKeymap,
      ...mirror.historyKeymap,
      ...mirror.defaultKeymap,
      mirror.indentWithTab,
    ]),
    EditorState.tabSize.of(2),
    EditorView.contentAttributes.of({ "aria-label": `${label}. ${KEYS}`, spellcheck: "false", tabindex: "0" }),
    EditorView.domEventHandlers({ beforeinput: typedOver }),
    EditorView.theme(THEME),
  ];
}

/**
 * What is typed over a selection is put there by us: a browser would give it the styles of what was there, as `style`
 * attributes, which the page's rules refuse.
 * @param {InputEvent} event @param {any} view
 */
function typedOver(event, view) {
  const { from, to, empty } = view.state.selection.main;
  const text = event.data;
  if (event.inputType !== "insertText" || !text || empty || event.isComposing) return false;
  const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type" });
  const taken = view.state
    .facet(view.constructor.inputHandler)
    .some((handler) => handler(view, from, to, text, insert));
  if (!taken) view.dispatch(insert());
  event.preventDefault();
  return true;
}

/** What may be written where the caret is. @param {any} mirror @param {any} context @param {Known|null} known */
function complete(mirror, context, known) {
  const { state, pos, explicit } = context;
  if (!known) return null;
  const read = (/** @type {number} */ from, /** @type {number} */ to) => state.sliceDoc(from, to);
  const tree = mirror.syntaxTree(state);
  const spot = spotAt(tree.resolveInner(pos, -1), pos, read);
  if (!spot) return null;
  const value = valueOf(tree.topNode, read);
  const name = spot.what === "value" ? nameBefore(read(spot.from, pos), spot.path) : null;
  if (name !== null) {
    const options = names(value, known.actions).map((one) => ({ ...one, type: "variable" }));
    return options.length ? { from: pos - name.length, options, validFor: /^[\w.-]*$/ } : null;
  }
  if (!explicit && spot.from === pos && spot.what === "value") return null;
  const found = spot.what === "key" ? keysAt(known.schema, value, spot.path) : valuesAt(known.schema, value, spot.path);
  if (!found.length || (!explicit && spot.from === pos)) return null;
  const put = spot.what === "key" ? putKey(mirror) : putValue;
  const options = found.map((one) => ({
    ...one,
    label: spot.what === "key" ? JSON.stringify(one.label) : one.label,
    type: spot.what === "key" ? "property" : "enum",
    apply: (view) => put(view, one, spot),
  }));
  return { from: spot.from, options };
}

/**
 * The name that is being written in an expression; null: this is none.
 * @param {string} text
 * @param {(string|number)[]} path
 */
function nameBefore(text, path) {
  const inside =
    text.lastIndexOf("${{") > text.lastIndexOf("}}") || ["when", "condition"].includes(String(path.at(-1)));
  const name = /[\w.-]*$/.exec(text)?.[0] ?? "";
  return inside && (name || text.endsWith("{{ ") || text.endsWith("{{")) ? name : null;
}

const EMPTY = { text: '""', object: "{}", array: "[]", other: "" };

/** Write a key with what its value begins as, leave the caret in that, and offer what fits there. */
const putKey =
  (/** @type {any} */ mirror) => (/** @type {any} */ view, /** @type {any} */ choice, /** @type {any} */ spot) => {
    const behind = view.state.sliceDoc(spot.to, spot.to + 200);
    const key = JSON.stringify(choice.label);
    const valued = /^\s*:/.test(behind);
    const empty = EMPTY[choice.kind ?? "other"];
    const insert = valued ? key : `${key}: ${empty}${/^\s*"/.test(behind) ? "," : ""}`;
    const caret = spot.from + key.length + (valued ? 0 : 2 + Math.floor(empty.length / 2));
    view.dispatch({ changes: { from: spot.from, to: spot.to, insert }, selection: { anchor: caret } });
    mirror.startCompletion(view);
  };

function putValue(view, choice, spot) {
  const caret = spot.from + choice.label.length;
  view.dispatch({ changes: { from: spot.from, to: spot.to, insert: choice.label }, selection: { anchor: caret } });
}

function colours({ HighlightStyle, tags }) {
  return HighlightStyle.define([
    { tag: tags.propertyName, color: "var(--run)" },
    { tag: tags.string, color: "var(--ok)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
    { tag: [tags.separator, tags.squareBracket, tags.brace], color: "var(--muted)" },
    { tag: tags.invalid, color: "var(--bad)" },
  ]);
}

const PANEL = { background: "var(--sunken)", color: "var(--text)" };
const POPUP = {
  ...PANEL,
  background: "var(--surface)",
  border: "1px solid var(--line-strong)",
  borderRadius: "var(--radius-small)",
};
const CHOSEN = { background: "var(--accent)", color: "var(--on-accent)" };

/** The editor in the console's tokens; light and dark are in them. */
const THEME = {
  "&": { color: "var(--text)", fontSize: "var(--text-small)", maxHeight: "70vh" },
  ".cm-content, .cm-gutter": { minHeight: "var(--code-height, 24rem)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { overflow: "auto", fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { padding: "var(--space-3) 0", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { ...PANEL, color: "var(--muted)", border: "0" },
  ".cm-activeLine": { background: "color-mix(in srgb, var(--accent-soft) 45%, transparent)" },
  ".cm-activeLineGutter": { background: "var(--accent-soft)", color: "var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 28%, transparent)",
  },
  ".cm-selectionMatch": { background: "var(--warn-soft)" },
  ".cm-searchMatch": { background: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { background: "var(--run-soft)", outline: "1px solid var(--run)" },
  "&.cm-focused .cm-matchingBracket": { background: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  "&.cm-focused .cm-nonmatchingBracket": { background: "var(--bad-soft)" },
  ".cm-foldPlaceholder": { ...PANEL, border: "1px solid var(--line)", padding: "0 0.4em" },
  ".cm-panels": { ...PANEL, borderColor: "var(--line)", font: "var(--text-small) var(--font)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "var(--space-2) var(--space-3)" },
  ".cm-textfield": { ...POPUP, padding: "0.2em 0.5em", fontSize: "inherit" },
  ".cm-button": { ...POPUP, backgroundImage: "none", padding: "0.2em 0.6em", fontSize: "inherit" },
  ".cm-panel [name=close]": { color: "var(--text)" },
  ".cm-tooltip": POPUP,
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "0.15rem 0.6rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": CHOSEN,
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-tooltip.cm-completionInfo": { ...POPUP, font: "var(--text-small) / 1.4 var(--font)", maxWidth: "22rem" },
  ".cm-diagnostic": { padding: "var(--space-1) var(--space-3)", font: "var(--text-small) / 1.4 var(--font)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-panel.cm-panel-lint ul [aria-selected]": { ...CHOSEN },
};
