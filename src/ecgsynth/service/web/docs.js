// The operations of /openapi.json as a page; no framework, nothing from another host.
"use strict";

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text.replaceAll("`", "");
  made.append(...children);
  return made;
}

function classed(made, name) {
  made.className = name;
  return made;
}

function resolve(schema, all) {
  return schema && schema.$ref ? all.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function kind(schema, all) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map((one) => kind(one, all)).join(" or ");
  if (schema.type === "array") return "list of " + kind(schema.items, all);
  return schema.format || schema.type || "any";
}

function fields(rows) {
  const table = element("table");
  for (const [name, type, what] of rows) {
    table.append(element("tr", "", element("td", "", element("code", name)),
      element("td", type), element("td", what)));
  }
  return table;
}

function operation(path, method, details, all) {
  const head = element("summary", "", classed(element("span", method.toUpperCase()), "method"),
    element("code", path), " ", classed(element("span", details.summary), "what"));
  const inside = classed(element("div"), "inside");
  if (details.description) inside.append(element("p", details.description));
  const rows = (details.parameters || []).map(
    (one) => [one.in === "header" ? one.name + ":" : one.name, kind(one.schema, all),
      one.description || "in the " + one.in]);
  for (const [media, body] of Object.entries((details.requestBody || {}).content || {})) {
    const schema = resolve(body.schema, all);
    for (const [name, part] of Object.entries(schema.properties || {})) {
      rows.push([name, kind(part, all), part.description || ""]);
    }
    for (const example of schema.examples || []) {
      inside.append(element("pre", `curl ${location.origin}${path} -H 'Content-Type: ${media}' ` +
        `-d '${JSON.stringify(example)}'`));
    }
    if (media.startsWith("multipart")) {
      inside.append(element("pre", `curl ${location.origin}${path} -F file=@beats.npz ` +
        "-H 'Prefer: wait=60'"));
    }
  }
  if (rows.length) inside.append(fields(rows));
  const answers = Object.entries(details.responses).map(([status, answer]) =>
    [status, Object.keys(answer.content || {}).join(", "), answer.description]);
  inside.append(element("h4", "Answers"), fields(answers));
  return element("details", "", head, inside);
}

fetch("/openapi.json").then((answer) => answer.json()).then((all) => {
  document.getElementById("version").textContent = all.info.version;
  const place = document.getElementById("operations");
  place.replaceChildren();
  if (all.security) {
    place.append(element("p", "Send the key with every request: "),
      element("pre", "-H 'Authorization: Bearer KEY'"));
  }
  for (const [path, operations] of Object.entries(all.paths)) {
    for (const [method, details] of Object.entries(operations)) {
      place.append(operation(path, method, details, all));
    }
  }
}).catch((problem) => {
  document.getElementById("operations").textContent = `/openapi.json could not be read: ${problem}`;
});
