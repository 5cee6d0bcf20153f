// Forms made of JSON schemas, as the control API gives them for faults and incidents.
import {el} from "./dom.js";

const ANY = Symbol("any"); // a field of JSON's own kind
let ids = 0;

/** The fields of an object schema's properties: an element, and `read()`, which makes the values.
 *
 * What is left as it stood is left out, so that the server's own default holds. `choices` offers
 * values by the name of a field, as the symbols; `required` are names that must be filled in.
 */
export const form = (properties, {required = [], choices = {}, preset = {}} = {}) => {
  const fields = Object.entries(properties).map(
    ([name, schema]) => field(name, schema, required.includes(name), choices[name], preset[name]));
  return {
    element: el("div", {class: "fields"}, fields.map(one => one.element)),
    read: () => Object.fromEntries(fields.flatMap(one => one.read())),
    first: fields[0]?.control,
  };
};

const kindOf = schema => schema.enum ? "enum" : schema.type === undefined ? ANY
  : [schema.type].flat().includes("array") ? "list" : [schema.type].flat()[0];

const field = (name, schema, required, choices, preset) => {
  const id = `field-${++ids}`, kind = kindOf(schema);
  const usual = preset ?? schema.default ?? null;
  const control = kind === "enum" || kind === "boolean" ? choice(id, kind, schema, usual)
    : text(id, kind, usual, choices);
  if (required) control.required = true;
  const about = String(schema.description || "").split("; expected ")[0];
  const element = el("div", {class: "field"}, el("label", {for: id}, name.replaceAll("_", " "),
    required ? null : el("span", {class: "soft"}, " (may be left out)")), control,
    choices ? el("datalist", {id: `${id}-choices`}, choices.map(one => el("option", {value: one}))) : null,
    el("p", {class: "soft", id: `${id}-about`}, about));
  control.setAttribute("aria-describedby", `${id}-about`);
  const began = control.value;
  const read = () => {
    if (control.value === began && preset === undefined && !required) return [];
    if (control.value.trim() === "" && !required) return [];
    return [[name, valueOf(control.value, kind, schema)]];
  };
  return {element, read, control};
};

const choice = (id, kind, schema, usual) => {
  const values = kind === "boolean" ? [true, false] : schema.enum.filter(one => typeof one !== "boolean");
  const select = el("select", {id}, values.map(one => el("option", {value: JSON.stringify(one)}, String(one))));
  select.value = JSON.stringify(usual);
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  return select;
};

const text = (id, kind, usual, offered) => el("input", {id, type: "text", autocomplete: "off",
  spellcheck: "false", list: offered ? `${id}-choices` : null,
  placeholder: kind === ANY ? "JSON, as null or []" : null,
  value: usual === null ? "" : Array.isArray(usual) ? usual.join(", ")
    : kind === ANY ? JSON.stringify(usual) : String(usual)});

const valueOf = (given, kind, schema) => {
  const value = given.trim();
  if (kind === "enum" || kind === "boolean") return JSON.parse(given);
  if (kind === "list") return value.split(",").map(one => one.trim()).filter(Boolean);
  if (kind === ANY) return JSON.parse(value);
  if (kind === "string") return value;
  if ([schema.type].flat().includes("null") && value.toLowerCase() === "none") return null;
  const number = Number(value); // a number that JavaScript would round, and a span, go as text
  return String(number) === value && Number.isFinite(number) ? number : value;
};
