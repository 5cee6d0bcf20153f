// The page: header, tabs, banner, token; each panel is a module with `mount(root, feed, api)`.
import {AWAY, Api} from "./api.js";
import {action, byId, clock, el, fill, notice} from "./dom.js";
import {Feed} from "./feed.js";
import {mount as columns} from "./columns.js";
import {mount as bots} from "./bots.js";
import {mount as faults} from "./faults.js";
import {mount as incidents} from "./incidents.js";
import {mount as market} from "./market.js";
import {teller} from "./story.js";

// A panel: its tab, and `mount(root, feed, api, story)`, which may return {show(), hide()}: called
// when it comes into sight and goes. `story(n)` opens the story of trip n.
const PANELS = [
  ["columns", "Two columns", columns],
  ["market", "Market", market],
  ["faults", "Faults", faults],
  ["incidents", "Incidents", incidents],
  ["bots", "Bots", bots],
];

// ---- colours

const root = document.documentElement, toggle = byId("theme"), THEME = "failing-exchange-theme";
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
const paint = () => {
  toggle.textContent = isDark() ? "Light" : "Dark";
  toggle.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  dispatchEvent(new Event("recolour")); // charts draw again
};
if (localStorage.getItem(THEME)) root.dataset.theme = localStorage.getItem(THEME);
toggle.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem(THEME, root.dataset.theme);
  paint();
});
prefersDark.addEventListener("change", paint);
paint();

// ---- the token

const askToken = wrong => new Promise(resolve => {
  const dialog = byId("login"), input = byId("token");
  byId("login-error").textContent = wrong ? "That is not the token." : "";
  input.value = "";
  dialog.addEventListener("cancel", event => event.preventDefault());
  dialog.addEventListener("close", () => resolve(input.value), {once: true});
  if (!dialog.open) dialog.showModal();
});

// ---- header and banner

const api = new Api(askToken), feed = new Feed(api);
const banner = byId("banner");
const BANNERS = {
  live: "", busy: "The venue is busy: it has given no turn for a while. The page waits.",
  lost: `${AWAY} The page connects again by itself as soon as it is back.`,
};
feed.on("connection", ({is, why}) => {
  banner.hidden = !BANNERS[is];
  banner.className = is;
  banner.textContent = why ? `${BANNERS[is]} (${why})` : BANNERS[is];
});
feed.on("hello", facts => {
  byId("venue").textContent = `${facts.venue}, seed ${facts.seed}`;
  document.title = `${facts.venue} · failing-exchange`;
});
feed.on("state", state => {
  byId("clock").textContent = clock(state.at, true);
  for (const name of ["requests", "struck", "armed"]) byId(name).textContent = state[name].toLocaleString("en");
  byId("heal").classList.toggle("needed", state.armed > 0);
  if (!state.ok) {
    banner.hidden = false;
    banner.className = "lost";
    banner.textContent = "The venue has stopped, or its journal can't be written: see GET /health.";
  }
});
byId("heal").replaceWith(action("Heal everything", async () => {
  const {resumed, called_off: ahead} = await api.post("/heal", {});
  notice(`Healed: nothing is armed${resumed.length ? `; ${resumed.join(", ")} trade again` : ""}` +
    (ahead ? `; ${ahead} planned ${ahead === 1 ? "incident is" : "incidents are"} called off` : ""));
}, {id: "heal", class: "heal", title: byId("heal").title}));

// ---- tabs; on a wide window the two columns stay beside the chosen panel

const story = teller(byId("story"), api);
const tabs = byId("tabs"), shown = {};
let current = "";
const wide = matchMedia("(min-width: 1200px)");
const choose = name => {
  current = name;
  for (const [id] of PANELS) {
    const visible = id === name || (id === "columns" && wide.matches);
    const place = byId(id);
    const was = !place.hidden;
    place.hidden = !visible;
    byId(`tab-${id}`).setAttribute("aria-selected", String(id === name));
    byId(`tab-${id}`).tabIndex = id === name ? 0 : -1;
    if (visible !== was || visible) (visible ? shown[id]?.show : shown[id]?.hide)?.();
  }
  document.body.dataset.panel = name;
};
for (const [id, title] of PANELS) {
  tabs.append(el("button", {type: "button", role: "tab", id: `tab-${id}`, "aria-controls": id,
    onclick: () => choose(id)}, title));
  if (id !== "columns") byId("panes").append(el("section", {id, class: "panel", role: "tabpanel",
    "aria-labelledby": `tab-${id}`, hidden: true}));
}
tabs.addEventListener("keydown", event => {
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  const offered = PANELS.filter(([id]) => id !== "columns" || !wide.matches);
  const at = offered.findIndex(([id]) => id === current);
  const [next] = offered[(at + step + offered.length) % offered.length];
  choose(next);
  byId(`tab-${next}`).focus();
});
feed.on("find", () => { if (!wide.matches) choose("columns"); });
for (const [id, , mount] of PANELS) shown[id] = mount(byId(id), feed, api, story) || {};
const start = () => choose(wide.matches && (!current || current === "columns") ? PANELS[1][0] : current || "columns");
wide.addEventListener("change", start);
start();
feed.run();
