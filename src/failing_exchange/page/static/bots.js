// Bots: what each account really has, what it has used of the limits, and its rules as they fall.
import {action, el, fill, notice} from "./dom.js";

const VERDICT_EVERY = 3; // seconds between two looks of the judge
const OUTCOMES = {fail: "broken", pass: "kept", "not judged": "not judged"};

export function mount(root, feed, api, story) {
  const account = el("select", {id: "bot-account"});
  const parts = Object.fromEntries(["limits", "rules", "orders", "positions", "conditional", "balances"]
    .map(name => [name, el("div")]));
  root.append(
    el("div", {class: "panel-head"}, el("label", {for: "bot-account"}, el("b", {}, "Account "), account)),
    el("h2", {}, "Open orders"), parts.orders, el("h2", {}, "Positions"), parts.positions,
    el("h2", {}, "Conditional orders"), parts.conditional, el("h2", {}, "Balances"), parts.balances,
    el("h2", {}, "Limits"), parts.limits, el("h2", {}, "Rules of conduct"), parts.rules);

  let visible = false, busy = false, turn = 0;
  const seen = {};
  const put = (name, value, draw) => { // only what has changed is drawn: focus and selection stay
    const text = JSON.stringify(value);
    if (seen[name] === text) return;
    seen[name] = text;
    fill(parts[name], draw(value));
  };
  const incident = async fields => {
    await api.post("/incidents", fields);
    notice(`${fields.do.replaceAll("_", " ")}: done`);
    await refresh();
  };
  const refresh = async () => {
    if (busy || !account.value) return;
    busy = true;
    try {
      const name = account.value, [truth, limits] = await Promise.all(
        [api.get(`/accounts/${encodeURIComponent(name)}`), api.get("/limits")]);
      put("orders", truth.open_orders, orders => orderTable(orders, incident));
      put("positions", truth.positions, found => positionTable(found, name, incident));
      put("conditional", truth.conditional_orders, conditionalTable);
      put("balances", [truth.balances, truth.futures.balances], balances);
      put("limits", limits.filter(one => one.what !== "orders" || one.who === name), gauges);
      if (feed.facts.judged.includes(name)) {
        if (turn++ % VERDICT_EVERY === 0) {
          const found = await api.get(`/verdict?account=${encodeURIComponent(name)}`);
          put("rules", [found.sentence, found.results, found.holdings], value => verdict(...value, story));
        }
      } else put("rules", null, () => el("p", {class: "soft"}, "Not judged: serve with --judge."));
    } catch (error) {
      if (error.status) notice(error.message, true);
    } finally { busy = false; }
  };
  account.addEventListener("change", () => { turn = 0; refresh(); });
  feed.on("hello", facts => {
    const chosen = account.value;
    fill(account, facts.accounts.map(one => el("option", {value: one}, one)));
    if (facts.accounts.includes(chosen)) account.value = chosen;
    turn = 0;
    if (visible) refresh();
  });
  feed.on("state", () => { if (visible) refresh(); });
  return {show: () => { visible = true; refresh(); }, hide: () => { visible = false; }};
}

const table = (heads, rows, none) => rows.length
  ? el("div", {class: "wide-table", tabindex: "0", role: "group", "aria-label": heads.join(", ")},
    el("table", {}, el("thead", {}, el("tr", {},
      heads.map(name => el("th", {scope: "col"}, name)))), el("tbody", {}, rows)))
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

const gauges = limits => limits.length ? el("ul", {class: "gauges"}, limits.map(one => {
  const share = Math.min(1, one.used / one.limit);
  const name = `${one.product}: ${one.what} of ${one.who} in ${one.interval}`;
  return el("li", {}, el("span", {}, name, one.banned_until
    ? el("b", {class: "bad"}, ` banned until ${one.banned_until.slice(11, 19)}`) : null),
  el("meter", {min: "0", max: "1", low: "0.6", high: "0.85", optimum: "0", value: String(share), "aria-label": name}),
  el("b", {}, `${one.used.toLocaleString("en")} of ${one.limit.toLocaleString("en")}`));
})) : el("p", {class: "soft"}, "Nothing has been used of a limit.");

const ORDER = ["fail", "not judged", "pass"];
const verdict = (sentence, results, holdings, story) => [
  el("p", {}, sentence),
  holdings ? table(["asset", "believed to be gained", "gained", "difference"],
    Object.entries(holdings).map(([asset, one]) => row(asset, String(one.believed), String(one.true),
      one.difference ? el("b", {class: "bad"}, String(one.difference)) : "0")), "Nothing.")
    : el("p", {class: "soft"}, "What the bot believes is not known: register a probe (POST /probe)."),
  el("ul", {class: "cards"}, [...results].sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome))
    .map(one => el("li", {}, el("div", {class: "line"},
      el("span", {class: `mark ${one.outcome === "fail" ? "fail" : one.outcome === "pass" ? "" : "not"}`},
        OUTCOMES[one.outcome]), el("b", {}, one.rule.replaceAll("_", " ")),
      one.times > 1 ? el("span", {class: "hits"}, `${one.times} times`) : null),
    el("p", {class: "soft"}, one.why),
    one.breaches.slice(0, 1).flatMap(breach => breach.trips.slice(0, 3)).map(n => el("button",
      {type: "button", onclick: () => story(n)}, `#${n}`))))),
];
