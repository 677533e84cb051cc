// Elements by name, text and attributes; nothing is ever parsed as HTML.

/** The element of an id. */
export const by = (id) => document.getElementById(id);

/** Make an element: attributes as in HTML, `on...` for listeners, children are nodes or text. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key === "class" ? "class" : key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Put `[value, text]` pairs into a select, keeping the choice if it is still there. */
export function options(select, pairs) {
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value }, text)));
  if (pairs.some(([value]) => value === before)) select.value = before;
}

/** Let the browser save a file. */
export function hand(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A number as text with a fixed number of decimals; a dash if there is none. */
export const figure = (value, decimals = 0) =>
  value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(decimals);

/** Text with the parts between backticks as code. */
export const words = (text) => text.split("`").map((part, k) => (k % 2 ? make("code", {}, part) : part));
