// Incidents: what the operator of the venue can do, lawfully; the ledger balances through all of it.
import {action, el, fill, notice, roving} from "./dom.js";
import {form} from "./form.js";

// One click: a label, the incident, and how its fields are filled from the chosen market.
const QUICK = [
  ["Halt", "halt", symbol => ({symbol})],
  ["Resume", "resume", symbol => ({symbol})],
  ["Price −5 %", "move_price", symbol => ({symbol, percent: -5})],
  ["Price +5 %", "move_price", symbol => ({symbol, percent: 5})],
  ["Pull the sellers", "pull_liquidity", symbol => ({symbol, side: "sell", depth: 1})],
  ["Pull the buyers", "pull_liquidity", symbol => ({symbol, side: "buy", depth: 1})],
  ["Cancel all orders", "cancel_orders", symbol => ({symbol})],
  ["Delist", "delist", symbol => ({symbol}), false],
  ["Delist and settle", "settle_contract", symbol => ({symbol}), true],
  ["Pay funding now", "pay_funding", symbol => ({symbol}), true],
  ["Liquidate main", "liquidate", symbol => ({symbol}), true],
];

const MAINTENANCE = { // as POST /maintenance takes it
  seconds: {type: ["number", "string"], default: "10m", description: "how long, as 600 or 10m"},
  after: {type: ["number", "string"], description: "in how long it begins, as 5m; left out: now"},
  message: {type: "string", description: "what clients are told"},
};

export function mount(root, feed, api) {
  const market = el("select", {id: "incident-market"});
  const quick = el("div", {class: "tools"}), whole = el("div", {class: "tools"}), plan = el("div"), all = el("div"), changes = el("div");
  root.append(el("h2", {}, "One click"), el("div", {class: "quick"},
    el("label", {for: "incident-market", class: "soft"}, "One market"), el("div", {}, market, quick),
    el("span", {class: "soft"}, "The whole venue"), el("div", {}, whole, plan)),
    el("h2", {}, "Announced changes of the API"), changes,
    el("h2", {}, "All incidents"), all);
  const isContract = () => market.value.includes(":");
  const run = async (name, fields) => {
    await api.post("/incidents", {do: name, ...fields});
    notice(`${name.replaceAll("_", " ")}: done`);
  };
  const maintain = async fields => {
    const {from, until} = await api.post("/maintenance", fields);
    notice(`Maintenance from ${from.slice(11, 19)} until ${until.slice(11, 19)}; Heal everything ends it`);
  };
  const window = form(MAINTENANCE, {required: ["seconds"]});
  fill(plan, el("details", {class: "incident"}, el("summary", {}, "Plan a maintenance"),
    el("form", {onsubmit: async event => {
      event.preventDefault();
      try { await maintain(window.read()); } catch (error) { notice(error.message, true); }
    }}, window.element, el("button", {type: "submit", class: "main"}, "Plan it"))));
  const drawQuick = () => fill(quick,
    QUICK.filter(([, , , contract]) => contract === undefined || contract === isContract()).map(([label, name, fields]) =>
      action(label, () => run(name, fields(market.value)))));
  fill(whole, action("Restart the venue", () => run("restart", {})),
    action("Maintenance for 10 minutes", () => maintain({seconds: "10m"})),
    action("Cut all sockets", async () => {
      const {broken} = await api.delete("/connections");
      notice(broken === 1 ? "1 WebSocket is cut" : `${broken} WebSockets are cut`);
    }));
  market.addEventListener("change", drawQuick);
  feed.on("hello", facts => {
    const chosen = market.value;
    fill(market, facts.symbols.map(one => el("option", {value: one}, one)));
    if (facts.symbols.includes(chosen)) market.value = chosen;
    drawQuick();
    fill(changes, changeList(facts.changes, run));
  });
  let loaded = false;
  return {show: async () => {
    if (loaded) return;
    loaded = true;
    try {
      const found = await api.get("/openapi.json");
      const {oneOf} = found.paths["/incidents"].post.requestBody.content["application/json"].schema;
      fill(all, incidentList(oneOf.map(one => incident(one, feed, run, market))));
    } catch (error) {
      loaded = false;
      notice(error.message, true);
    }
  }};
}

const incidentList = incidents => {
  const list = el("div", {}, incidents);
  const search = el("input", {type: "search", placeholder: `Search ${incidents.length} incidents`,
    "aria-label": "Search the incidents", oninput: () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const one of incidents) { // hidden, not made anew: what was filled in stays
        const text = one.querySelector("summary").textContent.toLowerCase();
        one.hidden = !words.every(word => text.includes(word));
      }
      roving(list, "summary");
    }});
  return [search, roving(list, "summary")];
};

const changeList = (changes, run) => changes.length
  ? el("details", {}, el("summary", {}, `${changes.length} ahead`), el("ul", {class: "cards"}, changes.map(one => el("li", {},
    el("div", {class: "line"}, el("b", {}, one.name.replaceAll("_", " ")), el("span", {class: "soft"}, one.day),
      action("Now", () => run("venue_changes", {change: one.name}), {"aria-label": `${one.name}, now`}),
      action("In 10 minutes", () => run("venue_changes", {change: one.name, after: "10m"}),
        {"aria-label": `${one.name}, in 10 minutes`})),
    el("p", {class: "soft"}, `${one.before} → ${one.after}`)))))
  : el("p", {class: "soft"}, "All are in force. Serve the venue as of a day (--as-of) to have some ahead.");

const incident = (schema, feed, run, market) => {
  const {do: _, ...properties} = schema.properties;
  const place = el("div");
  const build = () => {
    const fields = form(properties, {required: schema.required.filter(one => one !== "do"),
      choices: {symbol: feed.facts?.symbols, account: feed.facts?.accounts, wallet: ["spot", "futures"],
        change: feed.facts?.changes.map(one => one.name)},
      preset: {symbol: market.value}});
    fill(place, el("form", {onsubmit: async event => {
      event.preventDefault();
      try { await run(schema.title, fields.read()); } catch (error) { notice(error.message, true); }
    }}, fields.element, el("button", {type: "submit", class: "main"}, "Do it")));
  };
  return el("details", {class: "incident", ontoggle: event => { if (event.target.open) build(); }},
    el("summary", {}, el("b", {}, schema.title.replaceAll("_", " ")),
      el("span", {class: "soft"}, ` ${schema.description}`)), place);
};
