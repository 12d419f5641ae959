// Forms made of a JSON Schema: which control a value has, what is in it, and the value again.

/** @typedef {{name: string, schema: any, required: boolean}} Control */

/** @returns {Control[]} */
export function controls(/** @type {any} */ schema) {
  const needed = schema?.required ?? [];
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => ({
    name,
    schema: one,
    required: needed.includes(name),
  }));
}

/** @param {any} schema @returns {"choice"|"check"|"number"|"text"|"json"} */
export function kind(schema) {
  if (Array.isArray(schema.enum)) return "choice";
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (type === "boolean") return "check";
  if (type === "number" || type === "integer") return "number";
  return type === "string" ? "text" : "json";
}

/** What the control shows at first. @param {any} schema */
export function initial(schema) {
  const value = schema.default;
  switch (kind(schema)) {
    case "check":
      return value ?? false;
    case "choice":
      return value === undefined ? "" : String(schema.enum.indexOf(value));
    case "json":
      return value === undefined ? "" : JSON.stringify(value, null, 2);
    default:
      return value === undefined ? "" : String(value);
  }
}

/**
 * The values that a form's state stands for; what was left empty is left out.
 * @param {any} schema
 * @param {Record<string, any>} state
 * @throws {SyntaxError} with the control's name
 */
export function values(schema, state) {
  /** @type {Record<string, any>} */
  const made = {};
  for (const { name, schema: one, required } of controls(schema)) {
    const given = state[name];
    const what = kind(one);
    if (what === "check") {
      if (given || required || one.default !== undefined) made[name] = given;
      continue;
    }
    if (given === "") continue;
    if (what === "choice") made[name] = one.enum[Number(given)];
    else if (what === "number") made[name] = Number(given);
    else if (what === "text") made[name] = given;
    else {
      try {
        made[name] = JSON.parse(given);
      } catch (error) {
        throw new SyntaxError(`${name} is not JSON: ${error.message}`);
      }
    }
  }
  return made;
}
