// A JSON text as CodeMirror's parser has it, wrong or not yet whole: what it says, and where in it one is.

/** @typedef {{name: string, from: number, to: number, parent: any, firstChild: any, nextSibling: any}} Node */
/** @typedef {{path: (string|number)[], what: "key"|"value", from: number, to: number}} Spot */

/**
 * The value of a node, as far as it can be told.
 * @param {Node|null} node
 * @param {(from: number, to: number) => string} read
 * @returns {any}
 */
export function valueOf(node, read) {
  switch (node?.name) {
    case "JsonText":
      return valueOf(node.firstChild, read);
    case "Object":
      return Object.fromEntries(
        children(node, "Property").map((one) => [nameOf(one, read), valueOf(valueIn(one), read)]),
      );
    case "Array":
      return children(node)
        .filter(isValue)
        .map((one) => valueOf(one, read));
    case "String":
    case "Number":
    case "True":
    case "False":
      return parsed(read(node.from, node.to));
    case "Null":
      return null;
    default:
      return undefined;
  }
}

/**
 * Which key or value is written at a position; null: neither.
 * @param {Node} node the innermost there
 * @param {number} at
 * @param {(from: number, to: number) => string} read
 * @returns {Spot|null}
 */
export function spotAt(node, at, read) {
  if (node.name === "⚠" && node.parent) return spotAt(node.parent, at, read);
  if (node.name === "PropertyName") {
    return { path: pathOf(node.parent.parent, read), what: "key", from: node.from, to: node.to };
  }
  if (node.name === "Object") return { path: pathOf(node, read), what: "key", from: at, to: at };
  if (node.name === "Property") return { path: pathOf(node, read), what: "value", from: at, to: at };
  if (node.name === "Array") {
    const index = children(node).filter((one) => isValue(one) && one.to <= at).length;
    return { path: [...pathOf(node, read), index], what: "value", from: at, to: at };
  }
  return isValue(node) ? { path: pathOf(node, read), what: "value", from: node.from, to: node.to } : null;
}

/** @param {Node} node @param {(from: number, to: number) => string} read @returns {(string|number)[]} */
function pathOf(node, read) {
  const above = node.parent;
  if (!above || node.name === "JsonText") return [];
  if (node.name === "Property") return [...pathOf(above, read), nameOf(node, read)];
  if (above.name === "Array") {
    return [...pathOf(above, read), children(above).filter((one) => isValue(one) && one.from < node.from).length];
  }
  return pathOf(above, read);
}

/** @param {Node} node @param {string} [name] @returns {Node[]} */
function children(node, name) {
  const found = [];
  for (let one = node.firstChild; one; one = one.nextSibling) if (!name || one.name === name) found.push(one);
  return found;
}

const VALUES = ["Object", "Array", "String", "Number", "True", "False", "Null"];
const isValue = (/** @type {Node} */ node) => VALUES.includes(node.name);
const valueIn = (/** @type {Node} */ property) => children(property).find(isValue) ?? null;
const nameOf = (/** @type {Node} */ property, /** @type {(from: number, to: number) => string} */ read) =>
  String(parsed(read(property.firstChild.from, property.firstChild.to)) ?? "");

function parsed(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a text whose end is not written yet
  }
}
