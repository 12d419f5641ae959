// What is known of a definition while it is written: its graph, and where in the text a pointer leads.

/**
 * What would run after what. `depends_on` and references make edges; steps that name none run one after the other.
 * The platform's own plan decides; this is for definitions that are not stored yet.
 * @param {any} definition
 */
export function sketch(definition) {
  const steps = (definition.steps ?? []).map((step, at) => ({ ...step, id: step.id ?? `${step.action}-${at + 1}` }));
  const ids = new Set(steps.map((step) => step.id));
  const nodes = steps.map((step) => {
    const named = [...JSON.stringify(step).matchAll(/steps\.([\w-]+)/g)].map((match) => match[1]);
    const before = new Set([...[step.depends_on ?? []].flat(), ...named].filter((id) => ids.has(id) && id !== step.id));
    return { id: step.id, action: step.action ?? "", depends_on: [...before] };
  });
  if (!steps.some((step) => step.depends_on !== undefined) && nodes.every((node) => !node.depends_on.length)) {
    nodes.forEach((node, at) => { if (at) node.depends_on = [nodes[at - 1].id]; });
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** @type {Map<string, number>} */
  const depth = new Map();
  const level = (/** @type {string} */ id, /** @type {string[]} */ above) => {
    if (above.includes(id)) return 0; // a circle, which validation names
    if (!depth.has(id)) depth.set(id, 1 + Math.max(-1, ...(byId.get(id)?.depends_on ?? []).map((one) => level(one, [...above, id]))));
    return depth.get(id) ?? 0;
  };
  /** @type {string[][]} */
  const levels = [];
  for (const node of nodes) (levels[level(node.id, [])] ??= []).push(node.id);
  return { nodes, levels: levels.filter(Boolean) };
}

/** The line (from 1) in a JSON text at which the value of a JSON Pointer begins; that of the nearest value above it, if it is not there. */
export function lineOf(/** @type {string} */ text, /** @type {string} */ pointer) {
  let best = { length: -1, at: 0 };
  walk(text, (path, at) => {
    if ((pointer === path || pointer.startsWith(`${path}/`)) && path.length > best.length) best = { length: path.length, at };
  });
  return text.slice(0, best.at).split("\n").length;
}

/** Tell each value's pointer and place, in a text that is JSON. @param {string} text @param {(path: string, at: number) => void} tell */
function walk(text, tell) {
  let at = 0;
  const space = () => { while (/\s/.test(text[at] ?? "")) at += 1; };
  const string = () => {
    const from = at;
    for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === "\\") at += 1;
    at += 1;
    return JSON.parse(text.slice(from, at));
  };
  const value = (/** @type {string} */ path) => {
    space();
    tell(path, at);
    const open = text[at];
    if (open === '"') { string(); return; }
    if (open !== "{" && open !== "[") { while (at < text.length && !/[,\]}\s]/.test(text[at])) at += 1; return; }
    at += 1;
    for (let index = 0; ; index += 1) {
      space();
      if (at >= text.length || text[at] === "}" || text[at] === "]") { at += 1; return; }
      if (text[at] === ",") { at += 1; space(); }
      let name = String(index);
      if (open === "{") { name = string(); space(); at += 1; }
      value(`${path}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`);
    }
  };
  value("");
}
