// What is known of a definition while it is written: its graph, what is not JSON in it, and where a pointer leads.

/** @typedef {{id: string, action: string, depends_on: string[]}} Node */

/**
 * What would run after what. `depends_on` and references make edges; steps that name none run one after the other.
 * The platform's own plan decides; this is for definitions that are not stored yet.
 * @param {any} definition
 */
export function sketch(definition) {
  const steps = (definition.steps ?? []).map((step, at) => ({
    ...step,
    id: step.id ?? `${step.action || "step"}-${at + 1}`,
  }));
  const ids = new Set(steps.map((step) => step.id));
  /** @type {Node[]} */
  const nodes = steps.map((step) => ({ id: step.id, action: step.action ?? "", depends_on: before(step, ids) }));
  if (!steps.some((step) => step.depends_on !== undefined) && nodes.every((node) => !node.depends_on.length)) {
    nodes.forEach((node, at) => {
      if (at) node.depends_on = [nodes[at - 1].id];
    });
  }
  return { nodes, levels: levelsOf(nodes) };
}

/** The steps that a step names. @param {any} step @param {Set<string>} ids */
function before(step, ids) {
  const named = [...JSON.stringify(step).matchAll(/steps\.([\w-]+)/g)].map((match) => match[1]);
  return [...new Set([step.depends_on ?? [], named].flat())].filter((id) => ids.has(id) && id !== step.id);
}

/** @param {Node[]} nodes */
function levelsOf(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** @type {Map<string, number>} */
  const depth = new Map();
  const level = (/** @type {string} */ id, /** @type {Set<string>} */ above) => {
    if (above.has(id)) return 0; // a circle, which validation names
    const known = depth.get(id);
    if (known !== undefined) return known;
    above.add(id);
    const found = 1 + Math.max(-1, ...(byId.get(id)?.depends_on ?? []).map((one) => level(one, above)));
    above.delete(id);
    depth.set(id, found);
    return found;
  };
  /** @type {string[][]} */
  const levels = [];
  for (const node of nodes) (levels[level(node.id, new Set())] ??= []).push(node.id);
  return levels.filter(Boolean);
}

/**
 * What a text says as JSON; or else what should be where.
 * @param {string} text
 * @returns {{value: any, wrong: {at: number, message: string}|null}}
 */
export function read(text) {
  try {
    return { value: JSON.parse(text), wrong: null };
  } catch (error) {
    try {
      walk(text, () => {});
    } catch (found) {
      if (found instanceof Misplaced) return { value: null, wrong: { at: found.at, message: found.message } };
    }
    return { value: null, wrong: { at: 0, message: error.message } };
  }
}

/**
 * The place in a JSON text of the value of a JSON Pointer; that of the nearest value above it, if it is not there.
 * @param {string} text
 * @param {string} pointer
 */
export function placeOf(text, pointer) {
  let best = { length: -1, from: 0, to: 0 };
  walk(text, (path, from, to) => {
    const leads = pointer === path || pointer.startsWith(`${path}/`);
    if (leads && path.length > best.length) best = { length: path.length, from, to };
  });
  return { from: best.from, to: best.to };
}

/** The line, from 1, of a place in a text. @param {string} text @param {number} at */
export const lineAt = (text, at) => text.slice(0, at).split("\n").length;

/** Something that cannot stand where it stands. */
class Misplaced extends Error {
  /** @param {number} at @param {string} wanted */
  constructor(at, wanted) {
    super(`expected ${wanted}`);
    this.at = at;
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const PLAIN = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/**
 * Tell the pointer and the place of each value of a JSON text (RFC 8259).
 * @param {string} text @param {(pointer: string, from: number, to: number) => void} tell
 * @throws {Misplaced}
 */
function walk(text, tell) {
  let at = 0;
  const take = (/** @type {RegExp} */ form, /** @type {string} */ wanted) => {
    form.lastIndex = at;
    const found = form.exec(text);
    if (found === null) throw new Misplaced(at, wanted);
    at = form.lastIndex;
    return found[0];
  };
  const space = () => take(SPACE, "");
  const members = (/** @type {string} */ end, /** @type {(index: number) => void} */ member) => {
    at += 1;
    space();
    if (text[at] === end) return void (at += 1);
    for (let index = 0; ; index += 1) {
      member(index);
      space();
      if (text[at] === end) return void (at += 1);
      if (text[at] !== ",") throw new Misplaced(at, `a comma or ${end}`);
      at += 1;
      space();
    }
  };
  const value = (/** @type {string} */ pointer) => {
    const from = at;
    if (text[at] === "[") members("]", (index) => value(`${pointer}/${index}`));
    else if (text[at] === "{") {
      members("}", () => {
        const name = JSON.parse(take(STRING, "a name in double quotes"));
        space();
        if (text[at] !== ":") throw new Misplaced(at, "a colon");
        at += 1;
        space();
        value(`${pointer}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`);
      });
    } else take(text[at] === '"' ? STRING : PLAIN, text[at] === '"' ? "the end of this text" : "a value");
    tell(pointer, from, at);
  };
  space();
  value("");
  space();
  if (at < text.length) throw new Misplaced(at, "nothing more");
}
