// Bots: what each account has and believes, what it has used of the limits, its rules as they fall.
import {Unanswered} from "./api.js";
import {action, clock, el, fill, notice, roving} from "./dom.js";
import {poll, renew} from "./poll.js";

const VERDICT_EVERY = 3; // seconds between two looks of the judge
const ORDERS_MAX = 100; // open and conditional orders that are listed, the newest
const TRIPS_MAX = 3; // requests of a breach that are linked
const PARTS = [
  ["orders", "Open orders"], ["positions", "Positions"], ["balances", "Balances"], ["conditional", "Conditional orders"],
  ["believed", "Believed against true"], ["limits", "Limits and bans"], ["fallen", "Rules as they fall"],
  ["rules", "All rules"],
];
const JUDGED = ["believed", "fallen", "rules"]; // parts that need a judge
const SOURCES = {probe: "asked once a minute", notebook: "its own notebook"};
const OUTCOMES = {fail: "broken", pass: "kept", "not judged": "not judged"};

export function mount(root, feed, api, story) {
  const account = el("select", {id: "bot-account"}), message = el("p", {class: "bad", role: "status"});
  const parts = Object.fromEntries(PARTS.map(([name]) => [name, el("div", {id: `bot-${name}`})]));
  root.append(
    el("div", {class: "panel-head"}, el("label", {for: "bot-account"}, el("b", {}, "Account "), account)), message,
    ...PARTS.flatMap(([name, title]) => [el("h2", {}, title), parts[name]]));

  let turn = 0, fallen = null;
  const seen = {};
  const put = (name, value, draw) => { // only what has changed is drawn
    const text = JSON.stringify(value);
    if (seen[name] === text) return;
    seen[name] = text;
    renew(parts[name], draw(value));
  };
  const incident = async fields => {
    await api.post("/incidents", fields);
    notice(`${fields.do.replaceAll("_", " ")}: done`);
    await refresh();
  };
  const judged = async name => {
    if (turn++ % VERDICT_EVERY) return;
    const asked = `?account=${encodeURIComponent(name)}`;
    const [found, beliefs] = await Promise.all([api.get(`/verdict${asked}`), api.get(`/beliefs${asked}`)]);
    if (name !== account.value) return;
    put("believed", [beliefs, found.holdings], value => believed(...value));
    const breaches = found.results.flatMap(one => one.breaches.map(({at, rule, text, trips}) => ({at, rule, text, trips})));
    put("fallen", breaches, value => fallenList(value, story));
    put("rules", [found.sentence, found.results], value => verdict(...value));
    const broken = found.results.filter(one => one.outcome === "fail").map(one => one.rule);
    if (fallen) broken.filter(one => !fallen.includes(one)).forEach(one => notice(`${name} breaks a rule: ${one.replaceAll("_", " ")}`, true));
    fallen = broken;
  };
  const refresh = async () => {
    const name = account.value;
    if (!name) return;
    try {
      const [truth, limits] = await Promise.all([api.get(`/accounts/${encodeURIComponent(name)}?limit=${ORDERS_MAX}`), api.get("/limits")]);
      if (name !== account.value) return; // another one was chosen meanwhile
      put("orders", truth.open_orders, orders => [orderTable(orders, incident), cut(orders)]);
      put("positions", truth.positions, found => positionTable(found, name, incident));
      put("conditional", truth.conditional_orders, orders => [conditionalTable(orders), cut(orders)]);
      put("balances", [truth.balances, truth.futures.balances], balances);
      put("limits", limits.filter(one => one.what !== "orders" || one.who === name), gauges);
      if (feed.facts.judged.includes(name)) await judged(name);
      else for (const part of JUDGED) put(part, null, () => el("p", {class: "soft"}, "Not judged: serve with --judge."));
      message.textContent = "";
    } catch (error) {
      if (error.status) message.textContent = error.message;
      else if (!(error instanceof Unanswered)) throw error; // the server is away: the banner says so
    }
  };
  const restart = () => { turn = 0; fallen = null; };
  account.addEventListener("change", () => { restart(); refresh(); });
  feed.on("hello", facts => {
    const chosen = account.value;
    fill(account, facts.accounts.map(one => el("option", {value: one}, one)));
    if (facts.accounts.includes(chosen)) account.value = chosen;
    restart();
  });
  return poll(feed, refresh);
}

const cut = orders => orders.length < ORDERS_MAX ? null
  : el("p", {class: "soft"}, `The newest ${ORDERS_MAX}; GET /accounts/{name} has all.`);
const table = (heads, rows, none) => rows.length
  ? roving(el("div", {class: "wide-table", tabindex: "0", role: "group", "aria-label": heads.join(", ")},
    el("table", {}, el("thead", {}, el("tr", {},
      heads.map(name => el("th", {scope: "col"}, name)))), el("tbody", {}, rows))))
  : el("p", {class: "soft"}, none);
const row = (...cells) => el("tr", {}, cells.map(cell => el("td", {}, cell)));

const orderTable = (orders, incident) => table(
  ["order", "market", "side", "type", "price", "amount", "filled", "act"],
  orders.map(one => row(`${one.id}`, one.symbol, one.side, one.type, one.price || one.stop_price || "-",
    one.amount, one.filled, [
      action("Fill", () => incident({do: "trade_against", symbol: one.symbol, order: one.id}),
        {"aria-label": `Fill order ${one.id}`}), " ",
      action("Cancel", () => incident({do: "cancel_order", order: one.id}),
        {"aria-label": `Cancel order ${one.id}`})])), "None.");

const positionTable = (positions, account, incident) => table(
  ["market", "side", "amount", "entry", "mark", "unrealised", "leverage", "liquidation", "act"],
  positions.map(one => row(one.symbol, one.side, one.amount, one.entry, one.mark, one.unrealised,
    String(one.leverage), one.liquidation || "-",
    action("Liquidate", () => incident({do: "liquidate", symbol: one.symbol, account}),
      {"aria-label": `Liquidate ${one.symbol}`}))), "None.");

const conditionalTable = orders => table(["order", "market", "side", "type", "stop price", "amount", "status"],
  orders.map(one => row(`${one.id}`, one.symbol, one.side, one.type, one.stop_price || "-",
    one.close_position ? "the position" : one.amount, one.status)), "None.");

const balances = ([spot, futures]) => {
  const some = Object.entries(spot).filter(([, one]) => Number(one.free) || Number(one.used));
  const margins = Object.entries(futures).filter(([, one]) => Number(one.wallet) || Number(one.margin_balance));
  return [
    table(["spot", "free", "used"], some.map(([asset, one]) => row(asset, one.free, one.used)), "Nothing."),
    margins.length ? table(["futures", "wallet", "unrealised", "margin balance", "available"],
      margins.map(([asset, one]) => row(asset, one.wallet, one.unrealised, one.margin_balance, one.available)), "") : null,
  ];
};

const SPANS = {S: "s", M: "min", H: "h", D: "days"};
const interval = text => text.replace(/^(\d+)([SMHD])$/, (_, many, unit) => many === "1" && unit === "D" ? "a day" : `${many} ${SPANS[unit]}`);
const gauges = limits => limits.length ? el("ul", {class: "gauges"}, limits.map(one => {
  const share = Math.min(1, one.used / one.limit);
  const name = `${one.product}: ${one.what} of ${one.who} in ${interval(one.interval)}`;
  return el("li", {}, el("span", {}, name, one.banned_until
    ? el("b", {class: "bad"}, ` banned until ${one.banned_until.slice(11, 19)}`) : null),
  el("meter", {min: "0", max: "1", low: "0.6", high: "0.85", optimum: "0", value: String(share), "aria-label": name}),
  el("b", {}, `${one.used.toLocaleString("en")} of ${one.limit.toLocaleString("en")}`));
})) : el("p", {class: "soft"}, "Nothing has been used of a limit.");

// ---- believed against true

const believed = (found, holdings) => [
  found.source
    ? el("p", {class: "soft"}, `What the bot says of itself (${SOURCES[found.source]}), at ${found.at.slice(11, 19)} of the venue's clock, beside what is true now.`)
    : el("p", {class: "soft"}, "What the bot believes is not known: it has no probe. Register an address that says it with POST /probe, or failing-exchange ctl probe URL."),
  found.positions.length ? compared("position", found.positions) : null,
  found.balances.length ? compared("balance", found.balances) : null,
  found.open_orders ? openOrders(found.open_orders) : null,
  holdings ? table(["gained since the start", "believed", "true", "difference"], Object.entries(holdings).map(([asset, one]) =>
    row(asset, units(one.believed), units(one.true), one.difference ? el("b", {class: "bad"}, units(one.difference)) : "0")), "Nothing.") : null,
  el("h3", {}, "What it was not told"),
  table(["order", "its own id", "market", "is", "was told", "filled", "was told"],
    found.untold.map(one => row(one.id, one.client_id || "-", one.symbol, one.status,
      one.told_status || el("b", {class: "bad"}, "nothing"), one.filled,
      one.told_filled === one.filled ? one.told_filled : el("b", {class: "bad"}, one.told_filled))),
    "It was told all that happened to its orders."),
  found.more ? el("p", {class: "soft"}, `and ${found.more.toLocaleString("en")} more`) : null,
];

const units = value => value.toLocaleString("en", {maximumFractionDigits: 8});
const compared = (what, rows) => table([what, "believed", "true", "agrees"], rows.map(one => row(one.name, units(one.believed), units(one.true),
  one.agrees ? mark("", "agrees") : one.late ? mark("not", "may still be booking") : mark("fail", `differs by ${units(one.true - one.believed)}`))), "");
const openOrders = one => el("p", {}, `Open orders: ${one.believed} believed, ${one.true} true. `,
  one.unknown.length ? el("span", {class: "bad"}, `It does not say that it has ${one.unknown.join(", ")}. `) : null,
  one.ended.length ? el("span", {class: "bad"}, `It believes to have ${one.ended.join(", ")}, not open.`) : null,
  one.unknown.length || one.ended.length ? null : mark("", "agrees"));
const mark = (tone, text) => el("span", {class: `mark ${tone}`.trim()}, text);

// ---- rules as they fall

const FALLEN_MAX = 20; // breaches that are listed, the newest
const fallenList = (breaches, story) => {
  const some = [...breaches].sort((a, b) => b.at - a.at).slice(0, FALLEN_MAX);
  return some.length ? el("ul", {class: "related"}, some.map(({at, rule, text, trips}) =>
    el("li", {}, el("span", {class: "soft"}, `${clock(at / 1e6)} `), el("b", {class: "bad"}, rule.replaceAll("_", " ")), ` ${text} `,
      trips.slice(0, TRIPS_MAX).map(n => el("button", {type: "button", class: "small", "aria-label": `Story of request ${n}`,
        onclick: event => story(n, event.currentTarget)}, `#${n}`)))))
    : el("p", {class: "soft"}, "No rule is broken.");
};

const ORDER = ["fail", "not judged", "pass"], TONES = {fail: "fail", "not judged": "not", pass: ""};
const verdict = (sentence, results) => [
  el("p", {}, sentence),
  table(["rule", "outcome", "why", "times"], [...results].sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome)).map(one =>
    row(el("b", {}, one.rule.replaceAll("_", " ")), mark(TONES[one.outcome], OUTCOMES[one.outcome]),
      el("span", {class: "wrapped"}, one.why), one.times ? String(one.times) : "")), "Nothing is judged."),
];
