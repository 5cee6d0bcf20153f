// Market: candles and the book, with orders, fills, faults and incidents as markers.
import {clock, css, el, fill} from "./dom.js";

const FRAMES = [[1, "1 s"], [5, "5 s"], [60, "1 min"], [300, "5 min"], [3600, "1 h"]];
const LEVELS = 10; // of each side, as a table
const MARKS_MAX = 150; // on the chart; the newest

export function mount(root, feed, api, story) {
  const symbol = el("select", {id: "market-symbol"});
  const frame = el("select", {id: "market-frame"}, FRAMES.map(([value, label]) => el("option", {value}, label)));
  frame.value = "5";
  const facts = el("dl", {class: "facts"}), message = el("p", {class: "soft"});
  const chartBox = el("div", {class: "chart", role: "img", "aria-label": "Candles with fills, open orders, faults and incidents; the numbers are in the tables below"});
  const depthBox = el("canvas", {class: "depth", role: "img", "aria-label": "Depth of the book"});
  const book = el("div"), events = el("ul", {class: "related"});
  root.append(el("div", {class: "tools"}, el("label", {for: "market-symbol"}, "Market "), symbol,
    el("label", {for: "market-frame"}, "Candles of "), frame), facts, message, chartBox,
    legend(), el("h2", {}, "Book"), depthBox, book, el("h2", {}, "Faults and incidents here"), events);

  let chart = null, visible = false, busy = false, found = null;
  const draw = () => {
    chart ??= makeChart(chartBox);
    chart.put(found, marksOf(found, feed.rows));
    drawFacts(facts, found);
    drawDepth(depthBox, found.book);
    fill(book, bookTable(found.book));
    fill(events, eventList(feed.rows, found.symbol, story));
  };
  const refresh = async () => {
    if (busy || !symbol.value) return;
    busy = true;
    try {
      found = await api.get(`/market?symbol=${encodeURIComponent(symbol.value)}&seconds=${frame.value}`);
      message.textContent = "";
      draw();
    } catch (error) {
      if (error.status) message.textContent = error.message;
      else if (!(error instanceof TypeError)) throw error; // the server is away: the banner says so
    } finally { busy = false; }
  };
  for (const select of [symbol, frame]) select.addEventListener("change", () => { chart?.reset(); refresh(); });
  feed.on("hello", ({symbols}) => {
    const chosen = symbol.value, groups = [["Spot", symbols.filter(one => !one.includes(":"))],
      ["Perpetuals", symbols.filter(one => one.includes(":"))]];
    fill(symbol, groups.filter(([, some]) => some.length).map(([label, some]) =>
      el("optgroup", {label}, some.map(one => el("option", {value: one}, one)))));
    if (symbols.includes(chosen)) symbol.value = chosen;
    if (visible) refresh();
  });
  feed.on("state", () => { if (visible) refresh(); }); // once a second
  addEventListener("recolour", () => { chart?.recolour(); if (visible && found) draw(); });
  return {show: () => { visible = true; refresh(); }, hide: () => { visible = false; }};
}

// ---- what is marked

const MARKS = {
  buy: ["--up", "▲", "bought"], sell: ["--down", "▼", "sold"], order: ["--soft", "┄", "open order"],
  fault: ["--warn", "●", "a fault struck"], incident: ["--accent", "■", "the operator, or a liquidation"],
};
const legend = () => el("p", {class: "soft legend"}, Object.values(MARKS).map(([colour, sign, text]) => {
  const made = el("b", {"aria-hidden": "true"}, sign);
  made.style.color = `var(${colour})`;
  return [made, ` ${text} `];
}));

const FORCED = /liquidat|deleverag/;
const OPENED = "the operator: open account"; // every account begins so
const isIncident = row => row.op === "(market)" &&
  ((row.asked && !row.asked.startsWith(OPENED)) || FORCED.test(row.happened));
const concerns = (row, symbol) => !row.gap && (row.symbol === symbol || (!row.symbol && isIncident(row)));

const marksOf = (found, rows) => {
  const candles = found.candles;
  if (!candles.length) return [];
  const first = candles[0][0], last = candles[candles.length - 1][0];
  const step = candles.length > 1 ? candles[1][0] - candles[0][0] : 1;
  const snap = ms => Math.min(last, Math.floor(ms / 1000 / step) * step);
  const fills = found.fills.map(one => one.side === "buy"
    ? {time: snap(one.at_ms), position: "belowBar", shape: "arrowUp", color: css("--up"), size: 0.7}
    : {time: snap(one.at_ms), position: "aboveBar", shape: "arrowDown", color: css("--down"), size: 0.7});
  const others = rows.filter(row => concerns(row, found.symbol) && (row.faults.length || isIncident(row)))
    .map(row => row.faults.length
      ? {time: snap(row.at), position: "aboveBar", shape: "circle", color: css("--warn"), size: 0.6}
      : {time: snap(row.at), position: "belowBar", shape: "square", color: css("--accent"), size: 0.8});
  const counted = new Map(); // one mark of a kind for each candle, with the number of them
  for (const mark of [...fills, ...others]) {
    const key = `${mark.time} ${mark.shape}`, known = counted.get(key);
    if (mark.time < first) continue;
    if (known) known.text = String(known.many += 1);
    else counted.set(key, {...mark, many: 1});
  }
  return [...counted.values()].sort((a, b) => a.time - b.time).slice(-MARKS_MAX);
};

const EVENTS_MAX = 12;
const eventList = (rows, symbol, story) => {
  const some = rows.filter(row => concerns(row, symbol) && (row.faults.length || isIncident(row))).slice(-EVENTS_MAX).reverse();
  return some.length ? some.map(row => el("li", {}, el("button", {type: "button", onclick: () => story(row.n)},
    el("b", {}, `#${row.n} ${clock(row.at)} `), row.faults.length ? `⚡ ${row.faults.join(", ")}: ` : "",
    row.asked || row.happened))) : el("li", {class: "soft"}, "None yet.");
};

// ---- the chart

const makeChart = box => {
  const L = globalThis.LightweightCharts;
  const look = () => ({
    layout: {background: {color: css("--card")}, textColor: css("--soft"), fontSize: 12, attributionLogo: false},
    grid: {vertLines: {color: css("--line")}, horzLines: {color: css("--line")}},
    timeScale: {timeVisible: true, secondsVisible: true, borderColor: css("--line"), rightOffset: 4},
    rightPriceScale: {borderColor: css("--line")}, handleScroll: {vertTouchDrag: false, mouseWheel: false},
  });
  const colours = () => ({upColor: css("--up"), downColor: css("--down"), wickUpColor: css("--up"),
    wickDownColor: css("--down"), borderVisible: false});
  const made = L.createChart(box, {autoSize: true, ...look()});
  const bars = made.addSeries(L.CandlestickSeries, colours());
  const markers = L.createSeriesMarkers(bars, []);
  let lines = [], shown = "";
  return {
    recolour: () => { made.applyOptions(look()); bars.applyOptions(colours()); shown = ""; },
    reset: () => { made.timeScale().resetTimeScale(); made.priceScale("right").applyOptions({autoScale: true}); },
    put: (found, marks) => {
      const step = found.price_step;
      bars.applyOptions({priceFormat: {type: "price", minMove: Number(step), precision: (step.split(".")[1] || "").length}});
      bars.setData(found.candles.map(([time, open, high, low, close]) =>
        ({time, open: +open, high: +high, low: +low, close: +close})));
      markers.setMarkers(marks);
      const orders = JSON.stringify(found.orders.map(one => [one.price, one.side]));
      if (orders === shown) return;
      shown = orders;
      lines.forEach(line => bars.removePriceLine(line));
      lines = found.orders.filter(one => one.price).slice(0, 30).map(one => bars.createPriceLine({
        price: +one.price, color: css(one.side === "buy" ? "--up" : "--down"), lineWidth: 1, lineStyle: 2,
        axisLabelVisible: false, title: `${one.side} ${one.amount}`}));
    },
  };
};

// ---- numbers and the book

const drawFacts = (place, {ticker, funding, status}) => fill(place, [
  ["last", ticker.last], ["bid", ticker.bid?.[0]], ["ask", ticker.ask?.[0]], ["status", status],
  ...(funding ? [["mark", funding.mark], ["index", funding.index_price], ["funding", `${(Number(funding.rate) * 100).toFixed(4)} %`],
    ["next funding", funding.next_at?.slice(11, 19)]] : []),
].filter(([, value]) => value !== undefined && value !== null).map(([name, value]) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));

const bookTable = ({bids, asks}) => el("table", {class: "book"},
  el("thead", {}, el("tr", {}, ["bought at", "amount", "sold at", "amount"].map(name => el("th", {scope: "col"}, name)))),
  el("tbody", {}, Array.from({length: Math.min(LEVELS, Math.max(bids.length, asks.length))}, (_, i) =>
    el("tr", {}, [bids[i]?.[0], bids[i]?.[1], asks[i]?.[0], asks[i]?.[1]].map(value => el("td", {}, value ?? ""))))));

/** Cumulative depth: buyers to the left of the middle, sellers to the right. */
const drawDepth = (canvas, {bids, asks}) => {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
  if (!width || !height) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  g.clearRect(0, 0, width, height);
  const sum = levels => { let total = 0; return levels.map(([price, amount]) => [+price, total += +amount]); };
  const down = sum(bids), up = sum(asks), all = [...down, ...up];
  if (!down.length && !up.length) return;
  const most = Math.max(...all.map(one => one[1])), prices = all.map(one => one[0]);
  const low = Math.min(...prices), high = Math.max(...prices), span = high - low || 1;
  const x = price => (price - low) / span * width, y = total => height - total / most * (height - 14);
  for (const [side, colour, edge] of [[down, "--up", 0], [up, "--down", width]]) {
    if (!side.length) continue;
    g.beginPath();
    g.moveTo(x(side[0][0]), height);
    let before = height;
    for (const [price, total] of side) { g.lineTo(x(price), before); g.lineTo(x(price), before = y(total)); }
    g.lineTo(edge, before);
    g.lineTo(edge, height);
    g.closePath();
    g.fillStyle = css(colour);
    g.globalAlpha = 0.35;
    g.fill();
    g.globalAlpha = 1;
  }
  g.fillStyle = css("--soft");
  g.font = "12px system-ui, sans-serif";
  g.fillText(String(low), 4, height - 4);
  g.textAlign = "right";
  g.fillText(String(high), width - 4, height - 4);
};
