"use strict";
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
const R = D.recording || null, V = D.verdict || null;
const el = (tag, attrs = {}, ...kids) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) k === "class" ? (e.className = v) : e.setAttribute(k, v);
  for (const kid of kids.flat()) if (kid !== null && kid !== undefined) e.append(kid);
  return e;
};
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const money = x => x ? x.toLocaleString("en", {minimumFractionDigits: 2, maximumFractionDigits: 2}) : "";
const clock = ms => R ? new Date(R.began + ms).toISOString().slice(11, R.ended < 10000 ? 23 : 19) : `+${(ms / 1000).toFixed(1)} s`;
const main = document.getElementById("main");
const redraws = [];
const section = (id, title, ...kids) => {
  const s = el("section", {id, "aria-labelledby": id + "-h"}, el("h2", {id: id + "-h"}, title), ...kids);
  main.append(s);
  return s;
};
const copyLine = text => {
  const b = el("button", {type: "button", "aria-label": "Copy the replay line"}, "Copy");
  b.onclick = async () => {
    try { await navigator.clipboard.writeText(text); b.textContent = "Copied"; }
    catch { const r = document.createRange(); r.selectNodeContents(b.previousSibling); getSelection().removeAllRanges(); getSelection().addRange(r); b.textContent = "Selected"; }
  };
  return el("div", {class: "code"}, el("code", {tabindex: "0"}, text), b);
};

// ---- theme
const root = document.documentElement, toggle = document.getElementById("theme");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const label = () => { toggle.textContent = isDark() ? "Light" : "Dark"; toggle.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`); toggle.setAttribute("aria-pressed", String(isDark())); };
toggle.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; label(); redraws.forEach(f => f()); };
label();

// ---- the verdict
document.getElementById("sentence").textContent = D.sentence;
document.getElementById("about").textContent = D.about;
if (D.verdict && D.verdict.traceback) document.getElementById("about").after(el("pre", {class: "scroll", tabindex: "0", "aria-label": "Traceback of the bot"}, D.verdict.traceback));
for (const [name, value] of D.facts) document.getElementById("facts").append(el("div", {}, el("b", {}, value), el("span", {}, name)));

// ---- findings
const columns = f => f.columns && f.columns.length ? el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Both columns around the failure"},
  el("table", {class: "cols"}, el("thead", {}, el("tr", {}, ...["trip", "asked", "HAPPENED", "TOLD"].map(t => el("th", {scope: "col"}, t)))),
    el("tbody", {}, f.columns.map(c => el("tr", {class: c.named ? "named" : ""},
      el("td", {}, `${c.number} `, el("br"), clock(c.at)), el("td", {}, c.asked), el("td", {}, c.happened),
      el("td", {}, c.told, ...(c.faults.length ? [el("br"), el("span", {class: "fault"}, "⚡ " + c.faults.join(", "))] : []))))))) : null;
if (D.findings.length) section("findings", D.kind === "explore" ? "What to mend, first things first" : "What went wrong", D.findings.map(f =>
  el("article", {class: "card"},
    el("h3", {}, el("span", {class: "mark fail"}, f.rule), " The bot ", f.text, "."),
    el("p", {class: "soft"}, [f.money ? `${money(f.money)} USDT at risk` : "", f.place ? `at ${f.place}` : "", f.times > 1 ? (f.causes ? `in ${f.times} worlds` : `${f.times} times`) : "", f.kinds && f.kinds.length ? `faults: ${f.kinds.join(" + ")}` : "", f.needs || "", f.also && f.also.length ? `also breaks ${f.also.join(", ")}` : ""].filter(Boolean).join(" · ")),
    f.traceback ? el("pre", {class: "scroll", tabindex: "0", "aria-label": "Traceback of the bot"}, f.traceback) : null,
    columns(f),
    f.causes && f.causes.length > 1 ? el("details", {}, el("summary", {}, `${f.causes.length - 1} more causes at this place`),
      ...f.causes.slice(1).flatMap(c => [el("p", {class: "soft"}, `${c.kinds.join(" + ") || "no fault"}: the bot ${c.text}; in ${c.times} worlds; ${c.needs}`),
        c.token ? copyLine(`failing-exchange replay ${c.token}`) : ""])) : null,
    f.care ? el("p", {class: "care"}, el("b", {}, "A careful bot: "), f.care) : null,
    f.replay ? copyLine(f.replay) : null)));

// ---- rules
const ORDER = ["fail", "not judged", "pass"];
if (V) section("rules", "Rule by rule", el("div", {class: "card scroll", tabindex: "0", role: "region", "aria-label": "Rules"},
  el("table", {class: "rules"}, el("thead", {}, el("tr", {}, ...["", "rule", "why", "USDT"].map((t, i) => el("th", {scope: "col"}, t || "outcome")))),
    el("tbody", {}, [...V.results].sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome)).map(r => el("tr", {},
      el("td", {}, el("span", {class: "mark " + (r.outcome === "pass" ? "pass" : r.outcome === "fail" ? "fail" : "not")}, r.outcome)),
      el("td", {class: "name"}, r.rule), el("td", {}, r.why + (r.times > 1 ? ` (${r.times}×)` : "")), el("td", {class: "sum"}, money(r.money))))))));

// ---- drawing
const GUTTER = 72;
const axis = (g, left, w, top, bottom, ticks) => { g.textAlign = "right"; g.textBaseline = "middle"; for (const [share, text] of ticks) { const y = bottom - share * (bottom - top); g.fillStyle = css("--line"); g.fillRect(left, y, w - left, 1); g.fillStyle = css("--soft"); g.fillText(text, left - 8, Math.max(7, y)); } g.textAlign = "left"; };
const ends = (g, left, w, h) => { g.fillStyle = css("--soft"); g.textBaseline = "alphabetic"; g.textAlign = "left"; g.fillText(clock(0), left, h - 4); g.textAlign = "right"; g.fillText(clock(R.ended), w, h - 4); g.textAlign = "left"; };
const nice = v => Math.abs(v) >= 100 ? v.toLocaleString("en", {maximumFractionDigits: 0}) : v.toLocaleString("en", {maximumSignificantDigits: 3});
const canvas = (height, name, describe) => {
  const c = el("canvas", {role: "img", "aria-label": describe, tabindex: "0"});
  c.style.height = height + "px";
  return c;
};
const paint = (c, draw) => {
  const go = () => {
    const w = c.clientWidth, h = c.clientHeight, k = devicePixelRatio || 1;
    if (!w) return;
    c.width = w * k; c.height = h * k;
    const g = c.getContext("2d"); g.scale(k, k); g.font = "12px system-ui, sans-serif";
    draw(g, w, h);
  };
  redraws.push(go); new ResizeObserver(go).observe(c);
};

if (R) {
  const span = Math.max(1, R.ended);
  const T = R.trips.length ? R.trips : [[], [], [], [], [], []];
  const [numbers, at, took, lane, outcome, fault] = T;

  if (R.candles.length) {
    const filledAt = new Map(R.fills.map(([ms, , , , id]) => [id, ms]).reverse());
    const MARKS = 150, orders = (R.orders || []).filter(o => !(filledAt.get(o[5]) - o[0] < 1000));
    const thinned = el("span", {role: "status"});
    const box = el("div", {id: "price", role: "img", "aria-label": `Price of ${R.symbol} with orders, fills and faults`});
    section("chart", `Price, orders, fills and faults · ${R.symbol}`, el("div", {class: "card"}, box,
      el("div", {class: "legend"}, ...[["--soft", "■ resting order, at its price"], ["--up", "▲ bought"], ["--down", "▼ sold"], ["--warn", "● fault"]].map(([k, t]) => { const i = el("em", {"aria-hidden": "true"}); i.textContent = t.slice(0, 1); i.style.color = `var(${k})`; return el("span", {}, i, t.slice(1)); }), thinned)));
    const L = LightweightCharts, frame = R.candles.length > 1 ? R.candles[1][0] - R.candles[0][0] : 60;
    const colours = () => ({layout: {background: {color: css("--card")}, textColor: css("--soft"), attributionLogo: true}, grid: {vertLines: {color: css("--line")}, horzLines: {color: css("--line")}}, timeScale: {timeVisible: true, borderColor: css("--line")}, rightPriceScale: {borderColor: css("--line")}});
    const chart = L.createChart(box, {autoSize: true, ...colours()});
    const bars = chart.addSeries(L.CandlestickSeries, {});
    bars.setData(R.candles.map(([time, open, high, low, close]) => ({time, open, high, low, close})));
    const snap = ms => Math.floor((R.began + ms) / 1000 / frame) * frame, first = R.candles[0][0];
    const mark = (ms, more) => ({time: Math.max(first, snap(ms)), ...more});
    const kinds = () => [
      R.fills.map(([ms, , , side]) => mark(ms, side > 0 ? {position: "belowBar", shape: "arrowUp", color: css("--up"), size: .7} : {position: "aboveBar", shape: "arrowDown", color: css("--down"), size: .7})),
      orders.map(([ms, price]) => mark(ms, {position: "atPriceMiddle", price, shape: "square", color: css("--soft"), size: .25})),
      at.filter((_, i) => fault[i] >= 0).map(ms => mark(ms, {position: "inBar", shape: "circle", color: css("--warn"), size: .6})),
    ];
    let marks = kinds();
    const markers = L.createSeriesMarkers(bars, []);
    // Of many, an even selection of what is in sight: whoever zooms in sees all.
    const select = () => {
      const range = chart.timeScale().getVisibleRange();
      let every = 1;
      const picked = marks.flatMap(kind => {
        const seen = range ? kind.filter(m => m.time >= range.from && m.time <= range.to) : kind, step = Math.ceil(seen.length / MARKS);
        every = Math.max(every, step);
        return seen.filter((_, i) => i % step === 0);
      });
      markers.setMarkers(picked.sort((x, y) => x.time - y.time));
      thinned.textContent = every > 1 ? `one of ${every} is drawn; zoom in for all` : "";
    };
    chart.timeScale().subscribeVisibleTimeRangeChange(select);
    const edge = Math.max(1, R.candles.length * .03);
    const fit = () => { chart.timeScale().fitContent(); chart.timeScale().setVisibleLogicalRange({from: -edge, to: R.candles.length - 1 + edge}); };
    chart.timeScale().applyOptions({minBarSpacing: .01});
    fit(); new ResizeObserver(() => [50, 400].forEach(wait => setTimeout(fit, wait))).observe(box);
    const dress = () => { chart.applyOptions(colours()); bars.applyOptions({upColor: css("--up"), downColor: css("--down"), wickUpColor: css("--up"), wickDownColor: css("--down"), borderVisible: false}); marks = kinds(); select(); };
    dress(); redraws.push(dress);
  }

  // timeline by lane
  if (at.length) {
    let from = 0, to = span;
    const c = canvas(Math.max(120, 30 + 22 * R.lanes.length), "timeline", `Timeline of ${at.length} requests in ${R.lanes.length} lanes; arrow keys move, plus and minus zoom, 0 shows all`);
    const zoom = (f, x = .5) => { const mid = from + (to - from) * x, half = Math.min(span, (to - from) * f) / 2; from = Math.max(0, mid - half * 2 * x); to = Math.min(span, from + half * 2); redraw(); };
    const move = f => { const d = (to - from) * f, s = Math.max(-from, Math.min(span - to, d)); from += s; to += s; redraw(); };
    const all = () => { from = 0; to = span; redraw(); };
    const b = (text, name, go) => { const x = el("button", {type: "button", "aria-label": name}, text); x.onclick = go; return x; };
    section("timeline", "Requests, by lane", el("div", {class: "card"},
      el("div", {class: "tools"}, b("−", "Zoom out", () => zoom(2)), b("+", "Zoom in", () => zoom(.5)), b("◀", "Earlier", () => move(-.4)), b("▶", "Later", () => move(.4)), b("All", "Show all", all)), c,
      el("div", {class: "legend"}, ...[["--up", "answered"], ["--warn", "refused"], ["--bad", "lost or unheard (taller)"], ["--wait", "wait named by the venue"]].map(([k, t]) => { const i = el("i"); i.style.background = `var(${k})`; return el("span", {}, i, t); })),
      R.left_out ? el("p", {class: "soft"}, `${R.left_out} later messages are not shown.`) : null));
    c.onkeydown = e => { const go = {"+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), "0": all, ArrowLeft: () => move(-.2), ArrowRight: () => move(.2)}[e.key]; if (go) { go(); e.preventDefault(); } };
    c.onwheel = e => { if (e.ctrlKey || e.shiftKey) { zoom(e.deltaY > 0 ? 1.3 : .77, e.offsetX / c.clientWidth); e.preventDefault(); } };
    const redraw = () => c.dispatchEvent(new Event("redraw"));
    paint(c, (g, w, h) => {
      const left = Math.min(150, w * .3), y = i => 20 + i * 22, x = t => left + (t - from) / (to - from) * (w - left - 6);
      g.fillStyle = css("--wait");
      for (const [a, z] of R.waits) if (z >= from && a <= to) g.fillRect(Math.max(left, x(a)), 8, Math.max(2, Math.min(w, x(z)) - Math.max(left, x(a))), h - 26);
      g.fillStyle = css("--soft"); g.textBaseline = "middle";
      R.lanes.forEach((name, i) => { g.fillText(name.length > 20 && w < 600 ? name.slice(0, 15) + "…" : name, 0, y(i) + 8, left - 8); g.fillRect(left, y(i) + 17, w - left, .5); });
      const colours = [css("--up"), css("--warn"), css("--bad")], seen = new Set();
      for (let i = 0; i < at.length; i++) {
        const t = at[i]; if (t + took[i] < from || t > to) continue;
        const px = Math.round(x(t)), key = px * 4096 + lane[i] * 8 + outcome[i];
        if (seen.has(key)) continue; seen.add(key);
        g.fillStyle = colours[outcome[i]];
        g.fillRect(Math.max(left, px), y(lane[i]) + [4, 4, 0][outcome[i]], Math.max([1.5, 3, 3.5][outcome[i]], took[i] / (to - from) * (w - left)), [9, 9, 16][outcome[i]]);
      }
      g.fillStyle = css("--soft");
      const steps = w < 560 ? 1 : 4;
      for (let i = 0; i <= steps; i++) { const t = from + (to - from) * i / steps; g.textAlign = i === steps ? "right" : i ? "center" : "left"; g.fillText(clock(t), i === steps ? w : x(t), h - 7); }
      g.textAlign = "left";
    });
    c.addEventListener("redraw", redraws[redraws.length - 1]);
  }

  // latency and success
  if (at.length) {
    const n = 60, okay = new Array(n).fill(0), many = new Array(n).fill(0), times = Array.from({length: n}, () => []);
    for (let i = 0; i < at.length; i++) { const k = Math.min(n - 1, Math.floor(at[i] / span * n)); many[k]++; okay[k] += outcome[i] === 0; times[k].push(took[i]); }
    const q = (a, p) => a.length ? a.sort((x, y) => x - y)[Math.min(a.length - 1, Math.floor(a.length * p))] : 0;
    const p95 = times.map(a => q(a, .95)), top = Math.max(1, ...p95);
    const share = many.reduce((sum, x) => sum + x, 0) ? okay.reduce((sum, x) => sum + x, 0) / at.length : 1;
    const c = canvas(230, "latency", `Latency: 95 % were answered within ${top} ms at worst; ${(share * 100).toFixed(1)} % of all were answered well`);
    section("latency", "Latency and success over time", el("div", {class: "card"}, c, el("div", {class: "legend"}, ...[["--accent", "95 % answered within, ms"], ["--up", "answered well, %"], ["--bad", "the rest"]].map(([k, t]) => { const i = el("i"); i.style.background = `var(${k})`; return el("span", {}, i, t); }))));
    paint(c, (g, w, h) => { const left = GUTTER, bw = (w - left) / n, gap = Math.max(1, bw * .2), half = (h - 44) / 2, low = 8 + half, high = h - 20;
      axis(g, left, w, 8, low, [[0, "0"], [1, `${top.toLocaleString("en")} ms`]]); axis(g, left, w, high - half, high, [[0, "0 %"], [1, "100 %"]]);
      for (let k = 0; k < n; k++) { if (!many[k]) continue; const x = left + k * bw, lh = p95[k] / top * half, fh = (1 - okay[k] / many[k]) * half;
        g.fillStyle = css("--accent"); g.fillRect(x, low - lh, bw - gap, Math.max(1, lh));
        g.fillStyle = css("--up"); g.fillRect(x, high - half + fh, bw - gap, half - fh); g.fillStyle = css("--bad"); g.fillRect(x, high - half, bw - gap, fh); }
      ends(g, left, w, h); });
  }

  // faults
  const counts = R.faults.map((name, i) => [name, fault.reduce((s, f) => s + (f === i), 0)]).sort((a, b) => b[1] - a[1]);
  if (counts.length) section("faults", "What struck", el("div", {class: "card"}, counts.map(([name, n]) => { const i = el("i"); i.style.width = `${n / counts[0][1] * 100}%`; return el("div", {class: "bar"}, el("span", {}, name), el("div", {}, i), el("b", {}, n.toLocaleString("en"))); })));

  // belief and truth
  if (R.samples.length > 1) {
    const [base, quote] = R.symbol.split("/"), believes = R.samples.some(s => s[1] !== null), cash = R.samples.some(s => (s[4] ?? null) !== null);
    const line = (rows, pick, colour, dash) => ({rows: rows.filter(r => pick(r) !== null).map(r => [r[0], pick(r)]), colour, dash});
    const plot = (c, lines) => paint(c, (g, w, h) => {
      const all = lines.flatMap(l => l.rows.map(r => r[1])), lo = all.reduce((x, v) => Math.min(x, v), 0), hi = all.reduce((x, v) => Math.max(x, v), 0), top = 10, bottom = h - 24;
      const y = v => bottom - (v - lo) / ((hi - lo) || 1) * (bottom - top), x = t => GUTTER + t / span * (w - GUTTER - 2), at = v => (v - lo) / ((hi - lo) || 1);
      const ticks = [lo, 0, hi].filter((v, i, a) => a.indexOf(v) === i && (v === 0 || Math.abs(y(v) - y(0)) > 14));
      axis(g, GUTTER, w, top, bottom, ticks.map(v => [at(v), nice(v)]));
      for (const l of lines) { g.strokeStyle = css(l.colour); g.lineWidth = l.dash ? 1.5 : 2; g.setLineDash(l.dash || []); g.beginPath(); let last = null; for (const [t, v] of l.rows) { last === null ? g.moveTo(x(t), y(v)) : (g.lineTo(x(t), y(last)), g.lineTo(x(t), y(v))); last = v; } g.stroke(); }
      g.setLineDash([]); ends(g, GUTTER, w, h); });
    const key = (...rows) => el("div", {class: "legend"}, rows.map(([k, t]) => { const i = el("i"); i.style.background = `var(${k})`; return el("span", {}, i, t); }));
    const a = canvas(190, "position", `Position in ${base}: believed against true`), b = canvas(150, "cash", `Change of ${quote}: believed against true`);
    section("belief", "Believed and true", el("div", {class: "card"}, el("h3", {}, `Position, ${base}`), a, key(["--accent", "in truth"], ...(believes ? [["--bad", "as the bot believes (dashed)"]] : []))),
      el("div", {class: "card"}, el("h3", {}, `Cash, ${quote}, gained since the start`), b, key(["--accent", "in truth"], ...(cash ? [["--bad", "as the bot believes (dashed)"]] : []))));
    plot(a, [line(R.samples, s => s[2], "--accent"), ...(believes ? [line(R.samples, s => s[1], "--bad", [5, 4])] : [])]);
    plot(b, [line(R.samples, s => s[3], "--accent"), ...(cash ? [line(R.samples, s => s[4], "--bad", [5, 4])] : [])]);
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); redraws.forEach(f => f()); });
document.documentElement.dataset.ready = "yes";
})();
