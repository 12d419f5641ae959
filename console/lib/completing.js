// What may be written at a place of a definition: the keys, the values and the expressions that fit there, by the JSON
// Schema that the platform serves for editors and by the modules of the tenant. It knows nothing of the editor.

/** @typedef {{label: string, detail?: string, info?: string, kind?: "text"|"object"|"array"|"other"}} Choice */

const DEEPEST = 12;

/**
 * The schema with the actions of the tenant's own modules beside the platform's.
 * @param {any} schema
 * @param {any[]} modules
 */
export function tailored(schema, modules) {
  const own = modules.filter((one) => !one.built_in).flatMap((one) => one.actions);
  if (!own.length) return schema;
  const { Step } = schema.$defs;
  const rules = own.map((action) => ({
    if: { properties: { action: { const: action.name } } },
    then: { description: action.description, properties: action.parameters.properties ?? {} },
  }));
  const action = { ...Step.properties.action, enum: [...Step.properties.action.enum, ...own.map((one) => one.name)] };
  const step = { ...Step, properties: { ...Step.properties, action }, allOf: [...Step.allOf, ...rules] };
  return { ...schema, $defs: { ...schema.$defs, Step: step } };
}

/**
 * Keys that an object may have and has not.
 * @param {any} root schema
 * @param {any} value the definition
 * @param {(string|number)[]} path of the object
 * @returns {Choice[]}
 */
export function keysAt(root, value, path) {
  const object = valueAt(value, path) ?? {};
  const needed = new Set();
  /** @type {Map<string, any>} */
  const found = new Map();
  for (const part of schemasAt(root, value, path)) {
    if (part.description) for (const name of part.required ?? []) needed.add(name);
    for (const [name, schema] of Object.entries(part.properties ?? {})) if (!found.has(name)) found.set(name, schema);
  }
  return [...found]
    .filter(([name]) => !(name in object))
    .map(([name, schema]) => ({
      label: name,
      detail: needed.has(name) ? "needed" : typeOf(root, schema),
      info: schema.description,
      kind: kindOf(root, schema),
    }));
}

/**
 * Values that may stand at a place.
 * @param {any} root schema
 * @param {any} value the definition
 * @param {(string|number)[]} path of the value
 * @returns {Choice[]}
 */
export function valuesAt(root, value, path) {
  const key = path.at(-1);
  if (path.includes("depends_on")) return otherSteps(value, path);
  /** @type {Map<string, Choice>} */
  const found = new Map();
  for (const part of schemasAt(root, value, path)) {
    const named = [...(part.enum ?? []), ...("const" in part ? [part.const] : [])];
    const all = [...named, ...(part.type === "boolean" ? [true, false] : [])];
    for (const one of all) {
      const info = key === "action" ? aboutAction(root, one) : part.description;
      found.set(JSON.stringify(one), { label: JSON.stringify(one), info });
    }
    for (const one of part.examples ?? []) {
      if (typeof one === "string") found.set(JSON.stringify(one), { label: JSON.stringify(one), detail: "example" });
    }
  }
  return [...found.values()];
}

/**
 * What an expression of a definition may name.
 * @param {any} value the definition
 * @param {any[]} actions with their outputs
 * @returns {Choice[]}
 */
export function names(value, actions) {
  const parameters = Object.entries(value?.parameters?.properties ?? {}).map(([name, schema]) => ({
    label: `parameters.${name}`,
    detail: "parameter",
    info: schema?.description,
  }));
  const byName = new Map(actions.map((one) => [one.name, one]));
  const outputs = stepsOf(value).flatMap((step) => {
    const own = step.action === "transform" ? step.outputs : null;
    const told = Object.keys(own ?? byName.get(step.action)?.outputs?.properties ?? {});
    return told.map((name) => ({ label: `steps.${step.id}.outputs.${name}`, detail: step.action }));
  });
  return [...parameters, ...outputs, { label: "target" }, { label: "item", detail: "of foreach" }];
}

/** @param {any} value @param {(string|number)[]} path @returns {Choice[]} */
function otherSteps(value, path) {
  const mine = valueAt(value, path.slice(0, path.indexOf("depends_on")));
  return stepsOf(value)
    .filter((step) => step.id && step.id !== mine?.id)
    .map((step) => ({ label: JSON.stringify(step.id), detail: step.action }));
}

const stepsOf = (/** @type {any} */ value) =>
  [value?.steps, value?.finally].flatMap((list) => (Array.isArray(list) ? list : [])).filter((one) => one?.id);

/** @param {any} root @param {string} name */
function aboutAction(root, name) {
  const rule = root.$defs.Step.allOf.find((one) => one.if?.properties?.action?.const === name);
  return rule?.then.description;
}

/**
 * Every schema that says something of the value at a path.
 * @param {any} root
 * @param {any} value
 * @param {(string|number)[]} path
 */
function schemasAt(root, value, path) {
  let schemas = [...parts(root, root.$defs.Definition, value)];
  let at = value;
  for (const key of path) {
    at = at?.[key];
    const below = schemas.map((one) => (typeof key === "number" ? one.items : one.properties?.[key])).filter(Boolean);
    schemas = below.flatMap((one) => [...parts(root, one, at)]);
  }
  return schemas;
}

/**
 * A schema and all that it refers to; of `if`, what holds for the value.
 * @param {any} root
 * @param {any} schema
 * @param {any} value
 * @param {number} [depth]
 * @returns {Generator<any>}
 */
function* parts(root, schema, value, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > DEEPEST) return;
  yield schema;
  if (schema.$ref?.startsWith("#/"))
    yield* parts(root, valueAt(root, schema.$ref.slice(2).split("/")), value, depth + 1);
  for (const one of [schema.anyOf, schema.oneOf, schema.allOf].flat()) yield* parts(root, one, value, depth + 1);
  if (schema.then && holds(schema.if, value)) yield* parts(root, schema.then, value, depth + 1);
}

/** @param {any} condition @param {any} value */
function holds(condition, value) {
  const asked = Object.entries(condition?.properties ?? {});
  return asked.every(([name, one]) => value?.[name] !== undefined && (!("const" in one) || one.const === value[name]));
}

/** @param {any} value @param {(string|number)[]} path @returns {any} */
const valueAt = (value, path) => path.reduce((at, key) => at?.[key], value);

/** @param {any} root @param {any} schema */
function typeOf(root, schema) {
  const types = [...parts(root, schema, undefined)].flatMap((one) => one.type ?? []);
  return [...new Set(types)]
    .filter((one) => one !== "null")
    .slice(0, 2)
    .join(" or ");
}

/** @param {any} root @param {any} schema @returns {Choice["kind"]} */
function kindOf(root, schema) {
  const types = new Set([...parts(root, schema, undefined)].flatMap((one) => one.type ?? []));
  if (types.has("array")) return "array";
  if (types.has("object")) return "object";
  return types.has("number") || types.has("integer") || types.has("boolean") ? "other" : "text";
}
