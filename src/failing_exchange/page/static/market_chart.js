// The chart of a market, on the library Lightweight Charts, and the depth of its book on a canvas.
import {css} from "./dom.js";

/** What is marked: colour, sign, what it is; and how the chart draws it. Shapes differ, too. */
export const KINDS = {
  order: ["--soft", "▪", "order placed", {position: "atPriceMiddle", shape: "square", size: 0.4}],
  end: ["--soft", "◦", "order ended", {position: "atPriceMiddle", shape: "circle", size: 0.3}],
  buy: ["--up", "▲", "bought", {position: "belowBar", shape: "arrowUp", size: 0.7}],
  sell: ["--down", "▼", "sold", {position: "aboveBar", shape: "arrowDown", size: 0.7}],
  liquidation: ["--bad", "✖", "liquidation", {position: "aboveBar", shape: "square", size: 1, text: "liquidated"}],
  fault: ["--warn", "●", "fault", {position: "aboveBar", shape: "circle", size: 0.6}],
  incident: ["--accent", "■", "incident", {position: "belowBar", shape: "square", size: 0.8}],
};
const DRAWN_MAX = 300; // marks on the chart, the newest; the list below has the rest
const LINES_MAX = 30; // open orders that have a line
const STEP = 8, ZOOM = 1.3; // candles that an arrow key moves by; what plus and minus change

export class MarketChart {
  /** `onMark(n)` is called with the trip of a mark that was clicked. */
  constructor(box, onMark) {
    const L = globalThis.LightweightCharts;
    this.chart = L.createChart(box, {autoSize: true, ...look()});
    this.bars = this.chart.addSeries(L.CandlestickSeries, barColours());
    this.markers = L.createSeriesMarkers(this.bars, []);
    this.lines = [];
    this.shown = "";
    this.times = [];
    this.chart.subscribeClick(({hoveredObjectId}) => { if (hoveredObjectId) onMark(Number(hoveredObjectId)); });
    box.addEventListener("keydown", event => this.key(event));
  }

  recolour() {
    this.chart.applyOptions(look());
    this.bars.applyOptions(barColours());
    this.shown = "";
  }

  key(event) {
    const acts = {ArrowLeft: () => this.move(-STEP), ArrowRight: () => this.move(STEP), "+": () => this.zoom(ZOOM),
      "=": () => this.zoom(ZOOM), "-": () => this.zoom(1 / ZOOM), 0: () => this.latest(), End: () => this.latest()};
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    acts[event.key]();
    event.preventDefault();
  }

  move(by) {
    const scale = this.chart.timeScale();
    scale.scrollToPosition(scale.scrollPosition() + by, false);
  }

  zoom(by) {
    const scale = this.chart.timeScale();
    scale.applyOptions({barSpacing: Math.min(60, Math.max(0.5, scale.options().barSpacing * by))});
  }

  latest() { this.chart.timeScale().scrollToRealTime(); }

  /** Show another market, or candles of another length: all of them anew. */
  begin(candles, step) {
    this.bars.applyOptions({priceFormat: {type: "price", minMove: Number(step),
      precision: (step.split(".")[1] || "").length}});
    this.bars.setData(candles.map(bar));
    this.chart.priceScale("right").applyOptions({autoScale: true});
    this.chart.timeScale().resetTimeScale();
    this.shown = "";
  }

  /** The newest candle again, and those that came after it. */
  follow(candles) { for (const one of candles) this.bars.update(bar(one)); }

  mark(marks, candles) {
    this.markers.setMarkers(placed(marks, candles));
  }

  /** A line for each open order that has a price. */
  orders(orders) {
    const text = JSON.stringify(orders.map(one => [one.price, one.side, one.amount]));
    if (text === this.shown) return;
    this.shown = text;
    this.lines.forEach(line => this.bars.removePriceLine(line));
    this.lines = orders.filter(one => one.price).slice(0, LINES_MAX).map(one => this.bars.createPriceLine({
      price: +one.price, color: css(one.side === "buy" ? "--up" : "--down"), lineWidth: 1, lineStyle: 2,
      axisLabelVisible: false, title: `${one.side} ${one.amount}`}));
  }
}

const bar = ([time, open, high, low, close]) => ({time, open: +open, high: +high, low: +low, close: +close});
const look = () => ({
  layout: {background: {color: css("--card")}, textColor: css("--soft"), fontSize: 12, attributionLogo: false},
  grid: {vertLines: {color: css("--line")}, horzLines: {color: css("--line")}},
  timeScale: {timeVisible: true, secondsVisible: true, borderColor: css("--line"), rightOffset: 4},
  rightPriceScale: {borderColor: css("--line")}, handleScroll: {vertTouchDrag: false, mouseWheel: false},
});
const barColours = () => ({upColor: css("--up"), downColor: css("--down"), wickUpColor: css("--up"),
  wickDownColor: css("--down"), borderVisible: false});

/**
 * Marks at the candles in which they lie, one of a kind for each candle (and price) with their
 * number; a click opens the newest. Those before the first candle are left out.
 */
const placed = (marks, candles) => {
  if (!candles.length) return [];
  const first = candles[0][0], last = candles[candles.length - 1][0];
  const frame = candles.length > 1 ? candles[1][0] - first : 1;
  const drawn = new Map();
  for (let i = marks.length - 1; i >= 0; i--) {
    const {n, at, kind, price} = marks[i], [colour, , , shape] = KINDS[kind];
    const time = Math.min(last, first + Math.floor((at / 1000 - first) / frame) * frame);
    const atPrice = shape.position === "atPriceMiddle";
    if (time < first || (atPrice && price === null)) continue;
    const key = `${time} ${kind} ${atPrice ? price : ""}`, known = drawn.get(key);
    if (known) known.text = `${shape.text || ""} ${known.many += 1}`.trim();
    else if (drawn.size < DRAWN_MAX) {
      drawn.set(key, {...shape, time, id: String(n), many: 1, color: css(colour), ...(atPrice ? {price: +price} : {})});
    }
  }
  return [...drawn.values()].sort((a, b) => a.time - b.time);
};

/** Cumulative depth: buyers to the left of the middle, sellers to the right. */
export const drawDepth = (canvas, {bids, asks}) => {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
  const sum = levels => { let total = 0; return levels.map(([price, amount]) => [+price, total += +amount]); };
  const down = sum(bids), up = sum(asks), all = [...down, ...up];
  if (!width || !height) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  if (!all.length) return;
  const most = Math.max(...all.map(one => one[1])), prices = all.map(one => one[0]);
  const low = Math.min(...prices), high = Math.max(...prices), span = high - low || 1;
  const x = price => (price - low) / span * width, y = total => height - 16 - total / most * (height - 34);
  for (const [side, colour, edge] of [[down, "--up", 0], [up, "--down", width]]) {
    if (!side.length) continue;
    g.beginPath();
    g.moveTo(x(side[0][0]), height - 16);
    let before = height - 16;
    for (const [price, total] of side) { g.lineTo(x(price), before); g.lineTo(x(price), before = y(total)); }
    g.lineTo(edge, before);
    g.lineTo(edge, height - 16);
    g.closePath();
    g.fillStyle = g.strokeStyle = css(colour);
    g.globalAlpha = 0.3;
    g.fill();
    g.globalAlpha = 1;
    g.stroke();
  }
  g.fillStyle = css("--soft");
  g.font = "12px system-ui, sans-serif";
  for (const [align, at, text] of [["left", 4, String(low)], ["right", width - 4, String(high)]]) {
    g.textAlign = align;
    g.fillText(text, at, height - 3);
  }
  g.textAlign = "left";
  g.fillText(`${most.toLocaleString("en", {maximumSignificantDigits: 4})} in all`, 4, 13);
};
