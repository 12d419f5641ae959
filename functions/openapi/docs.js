"use strict";
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const code = (text) => element("code", {}, text);
// What stands between backticks is code.
const prose = (text) => typeof text !== "string" ? [text]
  : text.split("`").map((part, place) => place % 2 ? code(part) : part);
const follow = (contract, value) =>
  value && value.$ref ? value.$ref.slice(2).split("/").reduce((at, key) => at[key], contract) : value;
const kind = (contract, schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf) return schema.anyOf.map((one) => kind(contract, one)).join(" | ");
  if (schema.type === "array") return kind(contract, schema.items) + "[]";
  return schema.format || schema.type || "any";
};
const table = (caption, heads, rows) => element("table", {},
  element("caption", {}, caption),
  element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
  element("tbody", {}, ...rows.map(([first, ...rest]) => element("tr", {},
    element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, ...prose(cell)))))));
const fields = (contract, caption, schema) => {
  const model = follow(contract, schema);
  const required = model.required || [];
  return table(caption, ["Field", "Type", "Meaning"], Object.entries(model.properties || {}).map(
    ([name, field]) => [code(name + (required.includes(name) ? " *" : "")), code(kind(contract, field)),
      field.description || ""]));
};
// Bodies that may be said in several media types, once: [["a or b", schema], …].
const grouped = (holder) => {
  const ways = new Map();
  for (const [media, { schema }] of Object.entries(holder?.content || {})) {
    const key = JSON.stringify(schema);
    ways.set(key, [...(ways.get(key) || []), media]);
  }
  return [...ways].map(([key, media]) => [media.join(" or "), JSON.parse(key)]);
};

// Trying it. A request has what the fields of its route say, beside the token and the tenant at the top.
const example = (contract, schema, depth = 0) => {
  const model = follow(contract, schema) || {};
  if (model.examples?.length) return model.examples[0];
  if (model.const !== undefined) return model.const;
  if (model.default !== undefined && model.default !== null) return model.default;
  if (model.enum) return model.enum[0];
  const other = (model.anyOf || model.oneOf || model.allOf)?.[0];
  if (other) return example(contract, other, depth + 1);
  if (model.properties && depth < 5) {
    return Object.fromEntries((model.required || []).map(
      (name) => [name, example(contract, model.properties[name], depth + 1)]));
  }
  return { object: {}, array: [], integer: model.minimum ?? 0, number: 0, boolean: false }[model.type] ?? "";
};
const field = (id, label, control, meaning) => {
  control.id = id;
  const made = element("div", { class: "field" }, element("label", { for: id }, code(label)), control);
  if (meaning) {
    made.append(element("small", { id: id + "-why" }, ...prose(meaning)));
    control.setAttribute("aria-describedby", id + "-why");
  }
  return made;
};
const choice = (values) => element("select", {}, ...values.map((value) => element("option", { value }, value)));
const control = (contract, schema) => {
  const model = follow(contract, schema);
  if (model.enum) return choice(["", ...model.enum]);
  return element("input", { autocomplete: "off", spellcheck: "false", placeholder: String(model.default ?? "") });
};
const trial = (contract, path, method, spec, parameters) => {
  const made = element("details", { class: "try" }, element("summary", {}, "Try it"));
  // The fields are made when somebody looks: a page of all would be long to make.
  made.addEventListener("toggle", () => made.open && made.childElementCount === 1
    && made.append(form(contract, path, method, spec, parameters)), { once: true });
  return made;
};
const form = (contract, path, method, spec, parameters) => {
  const id = (name) => `${spec.operationId}-${name}`;
  const asked = parameters.filter((one) => one.name !== "X-Tenant-ID").map((one) => ({
    ...one, control: control(contract, one.schema) }));
  // Without a part of its path, a request would go to another route, or to none.
  for (const one of asked) if (one.in === "path") one.control.required = true;
  const made = element("form", { autocomplete: "off" }, ...asked.map((one) => field(
    id(one.name), one.name + (one.required ? " *" : ""), one.control, one.description)));
  const media = Object.keys(spec.requestBody?.content || {});
  const binary = media.length > 0 && !media.some((one) => /json/.test(one));
  const type = choice(media);
  const body = binary ? element("input", { type: "file" }) : element("textarea", { spellcheck: "false" });
  if (media.length) {
    made.append(field(id("type"), "Content-Type", type), field(id("body"), "Body", body));
    if (!binary) body.value = JSON.stringify(example(contract, spec.requestBody.content[media[0]].schema), null, 2);
  }
  const answers = [...new Set(Object.values(spec.responses).flatMap(
    (one) => Object.keys(follow(contract, one).content || {})))].filter((one) => one !== "application/problem+json");
  const accept = choice(answers);
  if (answers.length > 1) made.append(field(id("accept"), "Accept", accept));
  const stop = element("button", { type: "button", disabled: "" }, "Stop");
  const outcome = element("p", { role: "status", "data-outcome": "" });
  const heads = element("pre", { tabindex: "0", "aria-label": "Headers of the response" });
  const text = element("pre", { tabindex: "0", "aria-label": "Body of the response" });
  const shown = element("div", { hidden: "" }, element("details", {}, element("summary", {}, "Headers"), heads), text);
  made.append(element("button", {}, "Send"), stop, outcome, shown);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const stopped = new AbortController();
    stop.onclick = () => stopped.abort();
    stop.disabled = false;
    heads.textContent = text.textContent = "";
    shown.hidden = true;
    outcome.textContent = "Sending…";
    const request = { method: method.toUpperCase(), headers: {}, signal: stopped.signal, cache: "no-store" };
    const token = document.getElementById("token").value.trim();
    const tenant = document.getElementById("tenant").value.trim();
    if (token) request.headers.Authorization = `Bearer ${token}`;
    if (tenant) request.headers["X-Tenant-ID"] = tenant;
    if (answers.length) request.headers.Accept = accept.value;
    if (media.length && (binary ? body.files.length : body.value.trim())) {
      request.headers["Content-Type"] = type.value;
      request.body = binary ? body.files[0] : body.value;
    }
    let filled = path;
    const query = new URLSearchParams();
    for (const { name, in: place, control: { value } } of asked) {
      if (place === "path") filled = filled.replace(`{${name}}`, encodeURIComponent(value));
      else if (value && place === "query") query.append(name, value);
      else if (value) request.headers[name] = value;
    }
    try {
      await receive(await fetch(filled + (query.size ? `?${query}` : ""), request), { outcome, heads, text, shown });
    } catch (error) {
      outcome.textContent += error.name === "AbortError" ? " Stopped." : ` It could not be sent: ${error.message}`;
    }
    stop.disabled = true;
  });
  return made;
};
const receive = async (response, { outcome, heads, text, shown }) => {
  outcome.textContent = `${response.status} ${response.statusText}`;
  heads.textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  shown.hidden = false;
  if (/json$/.test((response.headers.get("content-type") || "").split(";")[0])) {
    const said = await response.text();
    try { text.textContent = JSON.stringify(JSON.parse(said), null, 2); } catch { text.textContent = said; }
    return;
  }
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    text.append(decoder.decode(value, { stream: true }));
  }
};
const operation = (contract, path, method, spec) => {
  const made = element("details", { id: spec.operationId }, element("summary", {},
    element("span", { class: "method" }, method.toUpperCase()), code(path), " ", spec.summary));
  if (spec["x-permission"]) made.append(element("p", {}, "Needs the permission ", code(spec["x-permission"]), "."));
  const parameters = spec.parameters.map((one) => follow(contract, one));
  made.append(table("Parameters", ["Name", "In", "Type", "Meaning"], parameters.map((one) =>
    [code(one.name), one.in, code(kind(contract, one.schema)), one.description || ""])));
  for (const [media, body] of grouped(spec.requestBody)) {
    made.append(body.properties || body.$ref ? fields(contract, `Request body (${media})`, body)
      : element("p", {}, "Request body: ", code(media)));
  }
  made.append(table("Responses", ["Status", "Meaning", "Body"], Object.entries(spec.responses).map(
    ([status, reference]) => {
      const response = follow(contract, reference);
      const bodies = Object.entries(response.content || {});
      return [code(status), response.description,
        bodies.map(([media, body]) => `${kind(contract, body.schema)} (${media})`).join(", ")];
    })));
  made.append(trial(contract, path, method, spec, parameters));
  return made;
};
const show = (contract) => {
  const main = document.getElementById("main");
  main.replaceChildren();
  for (const { name } of contract.tags) {
    const section = element("section", { "aria-labelledby": "tag-" + name },
      element("h2", { id: "tag-" + name }, name));
    for (const [path, methods] of Object.entries(contract.paths)) {
      for (const [method, spec] of Object.entries(methods)) {
        if (spec.tags.includes(name)) section.append(operation(contract, path, method, spec));
      }
    }
    main.append(section);
  }
  const models = element("section", { "aria-labelledby": "models" }, element("h2", { id: "models" }, "Models"));
  for (const [name, schema] of Object.entries(contract.components.schemas)) {
    models.append(element("details", {}, element("summary", {}, code(name), " ", schema.description || ""),
      fields(contract, name, schema),
      element("pre", { tabindex: "0", "aria-label": name + " as JSON Schema" }, JSON.stringify(schema, null, 2))));
  }
  main.append(models);
  main.setAttribute("aria-busy", "false");
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
};
document.getElementById("asking").addEventListener("submit", (event) => event.preventDefault());
fetch("/api/v1/openapi.json").then((response) => response.json()).then(show).catch(() => {
  document.getElementById("loading").textContent = "The contract could not be loaded; reload the page.";
});
