// Faults: the catalogue with a search, a form for each, what is armed, and what comes in one click.
import {action, download, el, fill, notice, roving} from "./dom.js";
import {form} from "./form.js";

const WHENS = [ // triggers that are offered; any other one can be written
  ["", "always"], ["nth(1)", "the first request"], ["nth(3)", "the third request"],
  ["first(3)", "the first three requests"], ["every(5)", "every fifth request"],
  ["chance(0.1)", "one of ten, by chance"], ["chance(0.5)", "every second one, by chance"],
  ["after(10)", "all after the tenth"],
];
const WHOM = { // whom a rule concerns, as POST /rules takes it
  operations: {type: "array", description: "which operations, as create_order, cancel_order"},
  symbols: {type: "array", description: "which markets, as BTC/USDT"},
  sides: {type: "array", description: "buy or sell"},
  clients: {type: "array", description: "which accounts, as main"},
  client_order_ids: {type: "array", description: "which client order ids"},
};

export function mount(root, feed, api, story) {
  const armed = el("div", {class: "armed"}), library = el("div"), scenarios = el("div");
  root.append(
    el("div", {class: "panel-head"}, el("h2", {}, "Armed"),
      action("Save as a scenario", async () => {
        const {toml} = await api.get("/scenario");
        download("armed_by_hand.toml", toml);
      }, {title: "What is armed, and the incidents since the start, as a file for --scenario"})),
    armed, el("h2", {}, "Catalogue"), library, el("h2", {}, "Shipped scenarios"), scenarios);

  let known = "";
  const explain = (rule, from) => {
    const last = feed.rows.findLast(row => row.faults?.includes(rule.label));
    if (last) story(last.n, from);
    else notice(`The page has no row any more of what ${rule.name} struck`, true);
  };
  const refresh = async () => fill(armed, armedList(await api.get("/rules"), feed, api, refresh, explain));
  feed.on("state", state => {
    const now = JSON.stringify(state.rules);
    if (now === known || root.hidden) return;
    known = now;
    refresh().catch(error => notice(error.message, true));
  });
  let loaded = false;
  return {show: async () => {
    known = "";
    if (loaded) return;
    loaded = true;
    try {
      const [faults, weathers] = await Promise.all([api.get("/faults"), api.get("/scenarios")]);
      fill(library, catalogue(faults, feed, api, refresh));
      fill(scenarios, weatherList(weathers, api));
    } catch (error) {
      loaded = false;
      notice(error.message, true);
    }
  }};
}

// ---- what is armed

const armedList = (rules, feed, api, refresh, explain) => rules.length
  ? el("ul", {class: "cards"}, rules.map(rule => el("li", {},
    el("div", {class: "line"}, el("b", {}, rule.name),
      el("span", {class: "hits"}, `struck ${rule.struck} of ${rule.met}`),
      rule.struck ? [el("button", {type: "button", "aria-label": `Show what ${rule.name} struck`,
        onclick: () => feed.emit("find", {fault: rule.label})}, "Show"),
      el("button", {type: "button", "aria-label": `Explain the last request that ${rule.name} struck`,
        onclick: event => explain(rule, event.currentTarget)}, "Explain")] : null,
      action("Disarm", async () => {
        await api.delete(`/rules/${encodeURIComponent(rule.name)}`);
        await refresh();
      }, {"aria-label": `Disarm ${rule.name}`})),
    el("p", {class: "soft"}, sentence(rule)))))
  : el("p", {class: "soft"}, "Nothing: the venue is healthy.");

const sentence = rule => [
  rule.kind === rule.name ? "" : rule.kind, `when ${rule.when}`,
  ...Object.keys(WHOM).filter(name => rule[name].length).map(name => `${name.replaceAll("_", " ")}: ${few(rule[name])}`),
  ...Object.entries(rule.fields).map(([name, value]) => `${name} = ${JSON.stringify(value)}`),
].filter(Boolean).join("; ");

const NAMED_MAX = 5; // of a list in a sentence
const few = names => names.length <= NAMED_MAX ? names.join(", ")
  : `${names.slice(0, NAMED_MAX - 1).join(", ")} and ${names.length - NAMED_MAX + 1} more`;

// ---- long lists: a search, and groups that fold; each group is one Tab stop

/**
 * A search and the groups of a list. `groups` has [title, members]; a member has `name` (underscores for blanks), `says`
 * and what else is searched in `words`. `choose(member)` makes its button.
 */
const folded = (many, groups, choose) => {
  const list = el("div");
  const search = el("input", {type: "search", placeholder: `Search ${many}`, "aria-label": `Search the ${many.split(" ")[1]}`,
    oninput: () => show()});
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = one => words.every(word => `${one.name} ${one.says} ${one.words}`.toLowerCase().includes(word));
    const some = groups.map(([title, members]) => [title, members.filter(matches)]).filter(([, members]) => members.length);
    fill(list, some.map(([title, members]) => el("details", {open: words.length > 0},
      el("summary", {}, title, el("span", {class: "soft"}, ` ${members.length}`)),
      roving(el("div", {class: "choices", role: "toolbar", "aria-orientation": "vertical", "aria-label": `${title}; arrow keys move`},
        members.map(choose))))),
      some.length ? null : el("p", {class: "soft"}, `None of ${many} matches.`));
  };
  show();
  return [search, list];
};

const grouped = (all, group) => {
  const groups = new Map();
  for (const one of all) groups.set(group(one), [...(groups.get(group(one)) || []), one]);
  return [...groups];
};
const label = one => [el("b", {}, one.name.replaceAll("_", " ")), el("span", {class: "soft"}, ` ${one.says}`)];

const catalogue = (faults, feed, api, refresh) => {
  const place = el("div", {class: "form", hidden: true});
  const open = (fault, from) => {
    fill(place, faultForm(fault, feed, api, refresh, () => {
      place.hidden = true;
      (from.isConnected ? from : search).focus();
    }));
    place.hidden = false;
    place.querySelector("h3").focus();
  };
  const groups = grouped(faults.map(one => ({...one, words: [one.group, ...one.incidents].join(" ")})), one => one.group);
  const [search, list] = folded(`${faults.length} faults`, groups, fault =>
    el("button", {type: "button", onclick: event => open(fault, event.currentTarget)}, label(fault)));
  return [search, place, list];
};

const faultForm = (fault, feed, api, refresh, close) => {
  const own = form(fault.fields);
  const whom = form(WHOM, {choices: {symbols: feed.facts?.symbols, clients: feed.facts?.accounts,
    operations: fault.operations, sides: ["buy", "sell"]}});
  const when = el("input", {type: "text", list: "whens", autocomplete: "off", "aria-label": "When it strikes",
    placeholder: "always; or nth(3), chance(0.1), every(5) & between …"});
  const arm = async event => {
    event.preventDefault();
    const body = {kind: fault.name, ...whom.read(), fields: own.read()};
    if (when.value.trim()) body.when = when.value.trim();
    try {
      const rule = await api.post("/rules", body);
      notice(`${rule.name} is armed`);
      await refresh();
    } catch (error) { notice(error.message, true); }
  };
  return el("form", {onsubmit: arm},
    el("h3", {tabindex: "-1"}, fault.name.replaceAll("_", " ")), el("p", {}, fault.says),
    fault.scope === "wire" ? el("p", {class: "soft"}, "It strikes bytes: clients over HTTP or WebSocket.") : null,
    el("div", {class: "field"}, el("label", {}, "when", when),
      el("datalist", {id: "whens"}, WHENS.map(([value, label]) => el("option", {value, label}))),
      el("div", {class: "chips"}, WHENS.map(([value, label]) => el("button", {type: "button",
        onclick: () => { when.value = value; }}, label)))),
    own.element, el("details", {}, el("summary", {}, "Whom it strikes (all, unless you say)"), whom.element),
    el("div", {class: "tools"}, el("button", {type: "submit", class: "main"}, "Arm it"),
      el("button", {type: "button", onclick: close}, "Close")));
};

// ---- scenarios

const weatherList = (scenarios, api) => {
  const load = async one => {
    const {rules} = await api.post("/scenario", {name: one.name});
    notice(`${one.name} begins: ${rules} rules are armed`);
  };
  const ordered = [...scenarios].sort((a, b) => (b.family === "weather") - (a.family === "weather") || a.group.localeCompare(b.group, "en", {numeric: true}));
  const groups = grouped(ordered.map(one => ({...one, says: one.description, words: `${one.symptom} ${one.group}`})), one => one.group.replace(/^[FP]\d+ /, ""));
  return [el("p", {class: "soft"}, "One click adds a scenario's faults and incidents to what is armed."),
    folded(`${scenarios.length} scenarios`, groups, one => action(label(one), () => load(one)))];
};
