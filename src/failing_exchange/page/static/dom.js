// Elements from text alone: nothing that comes from a client is ever read as HTML.

/** An element with attributes and children. `on…` attributes are listeners; null children go. */
export const el = (tag, attrs = {}, ...kids) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...kids.flat(3).filter(kid => kid !== null && kid !== undefined && kid !== ""));
  return made;
};
export const byId = id => document.getElementById(id);

const nameOf = one => one.getAttribute("aria-label") || one.textContent;
/** Put children in the place of what an element holds. The keyboard stays at a button that comes again. */
export const fill = (place, ...kids) => {
  const held = place.contains(document.activeElement) && document.activeElement.tagName === "BUTTON"
    ? nameOf(document.activeElement) : null;
  place.replaceChildren(...kids.flat(3).filter(kid => kid !== null && kid !== undefined && kid !== ""));
  if (held) [...place.querySelectorAll("button")].find(one => nameOf(one) === held)?.focus();
  return place;
};

const ARROWS = {ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity};
/**
 * Make many buttons one Tab stop: arrows, Home and End move between them; in a table up and down stay in
 * the column. Call it again after the list is drawn anew. `items` selects what has the keyboard.
 */
export const roving = (list, items = "button") => {
  const all = () => [...list.querySelectorAll(items)].filter(one => !one.closest("[hidden]"));
  const stop = one => all().forEach(other => { other.tabIndex = other === one ? 0 : -1; });
  stop(all().find(one => one === document.activeElement) || all()[0]);
  if (list.roving) return list;
  list.roving = true;
  list.addEventListener("focusin", event => { if (event.target.matches(items)) stop(event.target); });
  list.addEventListener("keydown", event => {
    const across = event.target.closest("tr")?.querySelectorAll(items).length || 1;
    const step = {...ARROWS, ArrowDown: across, ArrowUp: -across}[event.key];
    if (!step || !event.target.matches(items) || event.altKey || event.ctrlKey || event.metaKey) return;
    const offered = all().filter(one => one.offsetParent && !one.disabled), at = offered.indexOf(event.target);
    offered[Math.min(offered.length - 1, Math.max(0, at + step))]?.focus();
    event.preventDefault();
  });
  return list;
};

/** The value of a colour of the style sheet, in the scheme that is in force. */
export const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** An instant in milliseconds as UTC, "12:00:00.000"; with the day where `day` is true. */
export const clock = (ms, day = false) => {
  const text = new Date(ms).toISOString();
  return day ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : text.slice(11, 23);
};

let notices = 0;
/** Say something for some seconds, to screen readers, too. `bad`: it is an error. */
export const notice = (text, bad = false) => {
  const place = byId("notices") || document.body.appendChild(
    el("div", {id: "notices", role: "status", "aria-live": "polite"}));
  const one = place.appendChild(el("p", {id: `notice-${++notices}`, class: bad ? "bad" : "good"}, text));
  setTimeout(() => one.remove(), bad ? 9000 : 4000);
};

/** A button that does something asynchronous once at a time, and says what went wrong. */
export const action = (label, run, attrs = {}) => {
  const button = el("button", {type: "button", ...attrs}, label);
  button.addEventListener("click", async () => {
    if (button.disabled) return;
    button.disabled = true;
    try { await run(button); } catch (error) { notice(error.message, true); }
    button.disabled = false;
    if (document.activeElement === document.body) button.focus(); // a disabled button loses it
  });
  return button;
};

/** Copy a string; where the browser doesn't allow it, as over http off loopback, save it. */
export const copy = async (text, name) => {
  try {
    await navigator.clipboard.writeText(text);
    notice("Copied");
  } catch {
    download(name, text);
    notice(`The browser does not allow copying: saved as ${name}`);
  }
};

/** Offer a string as a file to save. */
export const download = (name, text) => {
  const url = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
  el("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
