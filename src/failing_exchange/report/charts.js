// The charts of a run, on the library Lightweight Charts, and two canvases of our own.
const R = D.recording, L = globalThis.LightweightCharts;
// Four digits and no noise of floats: nothing is traded in less than a hundred-millionth.
const nice = v => Math.abs(v) >= 1000
  ? v.toLocaleString("en", {maximumFractionDigits: 0})
  : (Math.round(v * 1e8) / 1e8 + 0).toLocaleString("en", {maximumSignificantDigits: 4});
const swatch = (colour, kind = "") => {
  const made = el("i", {class: kind, "aria-hidden": "true"});
  made.style.background = `var(${colour})`;
  return made;
};
const legend = (...rows) => el("div", {class: "legend"},
  rows.map(([colour, text, kind]) => el("span", {}, swatch(colour, kind), text)));
const lineLook = L && {lineWidth: 1, lineType: L.LineType.WithSteps, priceLineVisible: false,
  lastValueVisible: false, crosshairMarkerRadius: 3};

// A chart of the library in our colours. `paint` sets those of its series.
const chart = (box, paint) => {
  const look = () => ({
    layout: {background: {color: css("--card")}, textColor: css("--soft"), fontSize: 12,
      panes: {separatorColor: css("--line"), enableResize: false}, attributionLogo: false},
    grid: {vertLines: {color: css("--line")}, horzLines: {color: css("--line")}},
    timeScale: {timeVisible: true, secondsVisible: R.ended < 600000, borderColor: css("--line"),
      minBarSpacing: 0.01, lockVisibleTimeRangeOnResize: true},
    rightPriceScale: {borderColor: css("--line"), minimumWidth: 76, entireTextOnly: true},
    handleScroll: {vertTouchDrag: false, mouseWheel: false},
    handleScale: {mouseWheel: true},
  });
  const made = L.createChart(box, {autoSize: true, ...look()});
  redraws.push(() => { made.applyOptions(look()); paint(); });
  return made;
};
// All of it, with room at the edges for the labels of the time axis.
const fit = (made, bars) => {
  const edge = bars * .02;
  made.timeScale().setVisibleLogicalRange({from: -edge, to: bars - 1 + edge});
};

// ---- believed and true: the area between two lines, as a series of the library
class Between {
  constructor() { this.data = null; }
  renderer() { return {draw: (target, y) => this.draw(target, y)}; }
  update(data) { this.data = data; }
  priceValueBuilder(row) { return [row.low, row.high, row.high]; }
  isWhitespace(row) { return row.low === undefined; }
  defaultOptions() { return {color: "transparent", priceLineVisible: false, lastValueVisible: false}; }
  draw(target, y) {
    const {bars, visibleRange} = this.data;
    if (!visibleRange) return;
    target.useBitmapCoordinateSpace(({context, horizontalPixelRatio: h, verticalPixelRatio: v}) => {
      context.fillStyle = css("--shade");
      context.beginPath();
      for (let i = Math.max(0, visibleRange.from - 1); i + 1 < bars.length && i < visibleRange.to; i++) {
        const {low, high} = bars[i].originalData;
        const top = y(high), bottom = y(low), x = bars[i].x * h;
        if (top !== bottom) context.rect(x, top * v, bars[i + 1].x * h - x, (bottom - top) * v);
      }
      context.fill();
    });
  }
}

// Of many samples in sight, points are means of 2, 4, 8, ...: a bot that buys and sells in turn
// would else be a band as thick as its trades. Zoomed in, each sample is a point.
const POINTS_MAX = 400, POINTS_MIN = 150;
const mean = (rows, k) => {
  if (k === 1) return rows;
  const found = [];
  for (let i = 0; i < rows.length; i += k) {
    const some = rows.slice(i, i + k), knows = some.every(r => r.believed !== null);
    const of = name => some.reduce((sum, r) => sum + r[name], 0) / some.length;
    found.push({time: some[0].time, ms: some[0].ms, true: of("true"),
      believed: knows ? of("believed") : null});
  }
  return found;
};

// One quantity: what is true, what the bot believes, and below it the difference alone.
const belief = (id, unit, rows) => {
  const knows = rows.some(r => r.believed !== null);
  const format = {type: "custom", minMove: 1e-8, formatter: nice};
  const box = el("div", {class: "chart belief", id, role: "img",
    "aria-label": `${unit}: believed against true, and the difference, over time`});
  const values = el("div", {class: "legend", role: "status"});
  const apartLook = () => ({baseValue: {type: "price", price: 0}, topLineColor: css("--bad"),
    bottomLineColor: css("--bad"), topFillColor1: css("--shade"), topFillColor2: css("--shade"),
    bottomFillColor1: css("--shade"), bottomFillColor2: css("--shade"), priceFormat: format});
  const say = point => {
    const r = point || rows[rows.length - 1], when = step > 1 ? " on average" : "";
    const part = (colour, name, value, kind) => el("span", {}, swatch(colour, kind), `${name} `,
      el("b", {}, `${nice(value)} ${unit}`));
    values.replaceChildren(el("span", {}, point ? `${clock(r.ms)}${when}:` : "At the end:"),
      part("--accent", "true", r.true, "thin"));
    if (r.believed !== null) values.append(part("--bad", "believed", r.believed, "thin"),
      part("--shade", "difference", r.believed - r.true));
  };
  let made, between, truth, believed, apart, step = 1, points = rows;
  const put = () => {
    points = mean(rows, step);
    const known = points.filter(r => r.believed !== null);
    truth.setData(points.map(r => ({time: r.time, value: r.true})));
    if (!knows) return;
    believed.setData(known.map(r => ({time: r.time, value: r.believed})));
    between.setData(known.map(r => ({time: r.time, low: Math.min(r.believed, r.true),
      high: Math.max(r.believed, r.true)})));
    apart.setData(known.map(r => ({time: r.time, value: r.believed - r.true})));
  };
  // Data are never changed while the library tells of a change, but in the next frame, once.
  let waits = false;
  const refine = () => {
    waits = false;
    const range = made.timeScale().getVisibleRange(), before = step;
    if (!range) return;
    const seen = rows.filter(r => r.time >= range.from && r.time <= range.to).length;
    while (seen / step > POINTS_MAX) step *= 2;
    while (step > 1 && seen / step < POINTS_MIN) step /= 2;
    if (step === before) return;
    put();
    made.timeScale().setVisibleRange(range);
  };
  const later = () => {
    if (!waits) requestAnimationFrame(refine);
    waits = true;
  };
  const draw = () => {
    made = chart(box, () => {
      truth.applyOptions({color: css("--accent")});
      believed.applyOptions({color: css("--bad")});
      if (apart) apart.applyOptions(apartLook());
    });
    between = made.addCustomSeries(new Between(), {priceFormat: format});
    const add = (kind, look, pane) => made.addSeries(kind,
      {...lineLook, ...look, priceFormat: format}, pane);
    truth = add(L.LineSeries, {color: css("--accent")});
    believed = add(L.LineSeries, {color: css("--bad")});
    if (knows) {
      apart = add(L.BaselineSeries, apartLook(), 1);
      made.panes()[0].setStretchFactor(2);
      made.panes()[1].setStretchFactor(1);
    }
    while (rows.length / step > POINTS_MAX) step *= 2;
    put();
    fit(made, points.length);
    made.subscribeCrosshairMove(at => say(at.time && points.find(r => r.time === at.time)));
    say();
    // Only from the second frame on: in the first one the library finds its place.
    requestAnimationFrame(() => requestAnimationFrame(
      () => made.timeScale().subscribeVisibleTimeRangeChange(later)));
  };
  return {card: el("div", {class: "card"}, el("h3", {}, `${unit} gained since the start`), values,
    box), draw};
};
const beliefs = () => {
  const [base, quote] = D.assets;
  const byTime = new Map(R.samples.map(s => [Math.floor((R.began + s[0]) / 1000), s]));
  const rows = (b, t) => [...byTime].map(([time, s]) =>
    ({time, ms: s[0], believed: s[b] ?? null, true: s[t]}));
  const both = [belief("position", base, rows(1, 2)), belief("cash", quote, rows(4, 3))];
  const knows = R.samples.some(s => s[1] !== null);
  section("belief", "Believed and true", knows
    ? "What the bot believes that its trades have gained, and what they have gained. The lower " +
      "band is the difference alone: a bot that knows what it owns has a flat line at 0. In a long " +
      "run a point is a mean over some minutes; zoom in for each sample."
    : "What its trades have gained. What the bot believes is not known: it keeps no notebook.",
  both.map(one => one.card));
  both.forEach(one => one.draw());
};

// ---- price, with orders and fills; faults have a band of their own below it
const MARK_WIDTH = 18; // pixels for each mark of a kind; of more an even selection is drawn
const prices = () => {
  const candles = R.candles, frame = candles.length > 1 ? candles[1][0] - candles[0][0] : 60;
  const first = candles[0][0], last = candles[candles.length - 1][0];
  const snap = ms => Math.min(last,
    Math.max(first, Math.floor((R.began + ms) / 1000 / frame) * frame));
  const box = el("div", {id: "price", class: "chart", role: "img",
    "aria-label": `Price of ${R.symbol} with orders and fills, and the number of faults`});
  const thinned = el("span", {role: "status"});
  const sign = (colour, sign, text) => {
    const made = el("em", {"aria-hidden": "true"}, sign);
    made.style.color = `var(${colour})`;
    return el("span", {}, made, text);
  };
  section("chart", `Price, orders and fills · ${R.symbol}`,
    "Candles of the market while the bot traded; drag to move, scroll or pinch to zoom. The band " +
    "below counts the requests and pushes that faults struck.",
    el("div", {class: "card"}, el("div", {class: "legend"}, sign("--up", "▲", "bought"),
      sign("--down", "▼", "sold"), sign("--soft", "■", "resting order, at its price"),
      sign("--warn", "▮", "struck by faults"), thinned), box));
  const barLook = () => ({upColor: css("--up"), downColor: css("--down"),
    wickUpColor: css("--up"), wickDownColor: css("--down"), borderVisible: false});
  const paint = () => {
    bars.applyOptions(barLook());
    faults.applyOptions({color: css("--warn")});
    marks = kinds();
    select();
  };
  const made = chart(box, paint);
  const bars = made.addSeries(L.CandlestickSeries, {...barLook(), priceLineVisible: false});
  bars.setData(candles.map(([time, open, high, low, close]) => ({time, open, high, low, close})));
  const faults = made.addSeries(L.HistogramSeries, {color: css("--warn"), priceLineVisible: false,
    lastValueVisible: false,
    priceFormat: {type: "custom", minMove: 1, formatter: v => v < 0 ? "" : v.toFixed(0)}}, 1);
  const counts = new Map(candles.map(c => [c[0], 0]));
  for (let i = 0; i < at.length; i++) if (fault[i] >= 0) {
    const time = snap(at[i]);
    if (counts.has(time)) counts.set(time, counts.get(time) + 1);
  }
  faults.setData([...counts].map(([time, value]) => ({time, value})));
  made.panes()[0].setStretchFactor(5);
  made.panes()[1].setStretchFactor(1);
  const filledAt = new Map(R.fills.map(([ms, , , , id]) => [id, ms]).reverse());
  const resting = (R.orders || []).filter(o => !(filledAt.get(o[5]) - o[0] < 1000));
  const arrow = (ms, side) => ({time: snap(ms), size: .6,
    ...(side > 0 ? {position: "belowBar", shape: "arrowUp", color: css("--up")}
      : {position: "aboveBar", shape: "arrowDown", color: css("--down")})});
  const kinds = () => [
    R.fills.filter(f => f[3] > 0).map(([ms]) => arrow(ms, 1)),
    R.fills.filter(f => f[3] < 0).map(([ms]) => arrow(ms, -1)),
    resting.map(([ms, price]) => ({time: snap(ms), position: "atPriceMiddle", price,
      shape: "square", color: css("--soft"), size: .25})),
  ];
  let marks = kinds();
  const markers = L.createSeriesMarkers(bars, []);
  const select = () => {
    const range = made.timeScale().getVisibleRange();
    let every = 1;
    const picked = marks.flatMap(kind => {
      const seen = range ? kind.filter(m => m.time >= range.from && m.time <= range.to) : kind;
      const step = Math.ceil(seen.length / Math.max(1, box.clientWidth / MARK_WIDTH));
      every = Math.max(every, step);
      return seen.filter((_, i) => i % step === 0);
    });
    markers.setMarkers(picked.sort((x, y) => x.time - y.time));
    thinned.textContent = every > 1 ? `one of ${every} marks is drawn; zoom in for all` : "";
  };
  made.timeScale().subscribeVisibleTimeRangeChange(select);
  fit(made, candles.length);
  select();
};

// ---- canvases of our own: a hundred thousand requests, and their latency
const GUTTER = 72, NARROW = 560;
const canvas = (height, describe, draw) => {
  const made = el("canvas", {role: "img", "aria-label": describe, tabindex: "0"});
  const go = () => {
    const w = made.clientWidth, ratio = devicePixelRatio || 1;
    if (!w) return;
    const h = height(w);
    made.style.height = `${h}px`;
    made.width = w * ratio;
    made.height = h * ratio;
    const g = made.getContext("2d");
    g.scale(ratio, ratio);
    g.font = "12px system-ui, sans-serif";
    draw(g, w, h);
  };
  redraws.push(go);
  new ResizeObserver(go).observe(made);
  return [made, go];
};
const axis = (g, left, w, top, bottom, ticks) => {
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const [share, text] of ticks) {
    const y = bottom - share * (bottom - top);
    g.fillStyle = css("--line");
    g.fillRect(left, y, w - left, 1);
    g.fillStyle = css("--soft");
    g.fillText(text, left - 8, Math.max(7, y));
  }
};
const timeAxis = (g, left, w, h, from, to) => {
  const steps = w < NARROW ? 2 : 4;
  g.fillStyle = css("--soft");
  g.textBaseline = "alphabetic";
  for (let i = 0; i <= steps; i++) {
    g.textAlign = i === steps ? "right" : i ? "center" : "left";
    g.fillText(clock(from + (to - from) * i / steps), left + (w - left) * i / steps, h - 5);
  }
  g.textAlign = "left";
};

const lanes = () => {
  let from = 0, to = span;
  const zoom = (factor, x = .5) => {
    const middle = from + (to - from) * x, half = Math.min(span, (to - from) * factor) / 2;
    from = Math.max(0, middle - half * 2 * x);
    to = Math.min(span, from + half * 2);
    redraw();
  };
  const move = share => {
    const by = Math.max(-from, Math.min(span - to, (to - from) * share));
    from += by;
    to += by;
    redraw();
  };
  const all = () => { from = 0; to = span; redraw(); };
  const pitch = w => w < NARROW ? 38 : 24;
  const draw = (g, w, h) => {
    const narrow = w < NARROW, left = narrow ? 0 : 170, step = pitch(w), up = narrow ? 16 : 0;
    const y = i => 8 + i * step + up, x = t => left + (t - from) / (to - from) * (w - left);
    g.fillStyle = css("--wait");
    for (const [a, z] of R.waits) if (z >= from && a <= to) {
      const begins = Math.max(left, x(a));
      g.fillRect(begins, 4, Math.max(2, Math.min(w, x(z)) - begins), h - 26);
    }
    g.textBaseline = "middle";
    R.lanes.forEach((name, i) => {
      g.fillStyle = css("--soft");
      g.fillText(name, 0, narrow ? y(i) - 8 : y(i) + 8);
      g.fillStyle = css("--line");
      g.fillRect(left, y(i) + 17, w - left, 1);
    });
    const colours = [css("--up"), css("--warn"), css("--bad")], seen = new Set();
    for (let i = 0; i < at.length; i++) {
      const t = at[i];
      if (t + took[i] < from || t > to) continue;
      const px = Math.round(x(t)), key = px * 4096 + lane[i] * 8 + outcome[i];
      if (seen.has(key)) continue;
      seen.add(key);
      g.fillStyle = colours[outcome[i]];
      g.fillRect(Math.max(left, px), y(lane[i]) + [4, 4, 0][outcome[i]],
        Math.max([1, 3, 3][outcome[i]], took[i] / (to - from) * (w - left)), [9, 9, 16][outcome[i]]);
    }
    timeAxis(g, left, w, h, from, to);
  };
  const [made, redraw] = canvas(w => 40 + pitch(w) * R.lanes.length, `Timeline of ${at.length} ` +
    `requests in ${R.lanes.length} lanes; arrow keys move, plus and minus zoom, 0 shows all`, draw);
  const button = (text, name, go) => {
    const one = el("button", {type: "button", "aria-label": name}, text);
    one.onclick = go;
    return one;
  };
  section("timeline", "Requests, by lane",
    "One lane for each kind of request; a mark is as wide as its answer took.",
    el("div", {class: "card"}, legend(["--up", "answered"], ["--warn", "refused"],
      ["--bad", "lost or unheard (taller)"], ["--wait", "wait named by the venue"]),
    el("div", {class: "tools"}, button("−", "Zoom out", () => zoom(2)),
      button("+", "Zoom in", () => zoom(.5)), button("◀", "Earlier", () => move(-.4)),
      button("▶", "Later", () => move(.4)), button("All", "Show all", all)), made,
    R.left_out ? el("p", {class: "soft"}, `${R.left_out} later messages are not shown.`) : null));
  const keys = {"+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), "0": all,
    ArrowLeft: () => move(-.2), ArrowRight: () => move(.2)};
  made.onkeydown = event => {
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  };
  made.onwheel = event => {
    if (!event.ctrlKey && !event.shiftKey) return;
    zoom(event.deltaY > 0 ? 1.3 : .77, event.offsetX / made.clientWidth);
    event.preventDefault();
  };
};

const latency = () => {
  const n = 60, well = new Array(n).fill(0), many = new Array(n).fill(0);
  const all = Array.from({length: n}, () => []);
  for (let i = 0; i < at.length; i++) {
    const k = Math.min(n - 1, Math.floor(at[i] / span * n));
    many[k]++;
    well[k] += outcome[i] === 0;
    all[k].push(took[i]);
  }
  const p95 = all.map(ms => ms.length
    ? ms.sort((x, y) => x - y)[Math.min(ms.length - 1, Math.floor(ms.length * .95))] : 0);
  const top = Math.max(1, ...p95), share = well.reduce((x, y) => x + y, 0) / at.length;
  const [made] = canvas(() => 230, `Latency: 95 % were answered within ${top} ms at worst; ` +
    `${(share * 100).toFixed(1)} % of all were answered well`, (g, w, h) => {
    const left = GUTTER, width = (w - left) / n, gap = Math.max(1, width * .2);
    const half = (h - 44) / 2, low = 8 + half, high = h - 20;
    axis(g, left, w, 8, low, [[0, "0"], [1, `${top.toLocaleString("en")} ms`]]);
    axis(g, left, w, high - half, high, [[0, "0 %"], [1, "100 %"]]);
    for (let k = 0; k < n; k++) {
      if (!many[k]) continue;
      const x = left + k * width, tall = p95[k] / top * half, bad = (1 - well[k] / many[k]) * half;
      g.fillStyle = css("--accent");
      g.fillRect(x, low - tall, width - gap, Math.max(1, tall));
      g.fillStyle = css("--up");
      g.fillRect(x, high - half + bad, width - gap, half - bad);
      g.fillStyle = css("--bad");
      g.fillRect(x, high - half, width - gap, bad);
    }
    timeAxis(g, left, w, h, 0, span);
  });
  section("latency", "Latency and success over time", `${(share * 100).toFixed(1)} % of all ` +
    "requests were answered well: not refused, and received in time.", el("div", {class: "card"},
    legend(["--accent", "95 % took at most, ms"], ["--up", "answered well, %"],
      ["--bad", "the rest"]), made));
};

const struck = () => {
  const counts = R.faults.map(name => [name, 0]);
  for (const i of fault) if (i >= 0) counts[i][1]++;
  counts.sort((a, b) => b[1] - a[1]);
  section("faults", "What struck", "Requests and pushes, by the first fault that struck each. " +
    "Refusals by the venue's own limits are not faults.", el("div", {class: "card"},
    counts.map(([name, n]) => {
      const bar = el("i");
      bar.style.width = `${n / counts[0][1] * 100}%`;
      return el("div", {class: "bar"}, el("span", {}, name), el("div", {}, bar),
        el("b", {}, n.toLocaleString("en")));
    })));
};

const [, at, took, lane, outcome, fault] =
  R && R.trips && R.trips.length ? R.trips : [[], [], [], [], [], []];
const span = R ? Math.max(1, R.ended) : 1;
if (R && R.symbol) {
  if (R.samples.length > 1) beliefs();
  if (R.candles.length) prices();
  if (at.length) { lanes(); latency(); }
  if (R.faults.length) struck();
}
document.documentElement.dataset.ready = "yes";
