// Market: candles and the book of one market, with all that was done in it as marks.
import {Unanswered} from "./api.js";
import {byId, clock, el, fill, roving} from "./dom.js";
import {KINDS, MarketChart, drawDepth} from "./market_chart.js";
import {poll, renew} from "./poll.js";

const FRAMES = [[1, "1 second"], [5, "5 seconds"], [60, "1 minute"], [300, "5 minutes"], [3600, "1 hour"]];
const PRODUCTS = [["Spot", one => !one.includes(":")], ["Perpetuals", one => one.includes(":")]];
const LEVELS = 10; // of each side, as a table
const CANDLES_MAX = 2000; // that are kept; the oldest go first
const MARKS_MAX = 2000; // that are kept of one market
const LISTED_MAX = 40; // marks in the list, the newest
const TABLE_MAX = 20; // candles in the table, the newest
const UNUSUAL = ["end"]; // kinds that are not shown until they are chosen

export function mount(root, feed, api, story) {
  const panel = new Market(root, feed, api, story);
  return poll(feed, () => panel.refresh());
}

class Market {
  constructor(root, feed, api, story) {
    Object.assign(this, {feed, api, story, chart: null, found: null, kinds: new Set(Object.keys(KINDS))});
    UNUSUAL.forEach(kind => this.kinds.delete(kind));
    this.build(root);
    this.forget();
    feed.on("hello", facts => this.hello(facts));
    feed.on("cleared", () => this.forget()); // the venue has started anew
    addEventListener("recolour", () => { this.chart?.recolour(); this.draw(); });
    new ResizeObserver(() => this.drawDepth()).observe(this.depth);
  }

  build(root) {
    const select = (id, options, change) => el("select", {id, onchange: change},
      options.map(([value, label]) => el("option", {value}, label)));
    this.product = select("market-product", [], () => { this.offer(); this.change(); });
    this.symbol = select("market-symbol", [], () => this.change());
    this.frame = select("market-frame", FRAMES, () => this.change());
    this.frame.value = "5";
    this.facts = el("dl", {class: "facts", "aria-label": "The market now"});
    this.message = el("p", {class: "bad", role: "status"});
    this.summary = el("p", {class: "soft", id: "market-summary"});
    this.box = el("div", {class: "chart", id: "market-chart", role: "img", tabindex: "0",
      "aria-label": "Candles with marks; arrow keys move, plus and minus zoom, 0 goes to the newest",
      "aria-describedby": "market-summary"});
    this.depth = el("canvas", {class: "depth", role: "img", "aria-label": "Depth of the book; its best prices are in the table below"});
    this.book = el("div");
    this.list = el("ul", {class: "related marks", id: "market-marks", tabindex: "-1"});
    this.table = el("details", {ontoggle: () => this.drawTable()}, el("summary", {}, "Candles as a table"), el("div"));
    const act = (label, name, go) => el("button", {type: "button", "aria-label": name, onclick: () => this.chart && go(this.chart)}, label);
    const pair = (name, label, control) => el("span", {class: "pair", id: `${name}-pair`}, el("label", {for: control.id}, label), control);
    root.append(el("div", {class: "tools"}, pair("product", "Product", this.product), pair("symbol", "Market", this.symbol),
      pair("frame", "Candles of", this.frame)),
    this.message, this.facts, this.box,
    el("div", {class: "tools chart-tools"}, act("◀", "Earlier", one => one.move(-20)), act("▶", "Later", one => one.move(20)),
      act("−", "Zoom out", one => one.zoom(1 / 1.5)), act("+", "Zoom in", one => one.zoom(1.5)),
      act("Newest", "Go to the newest candle", one => one.latest()), this.legend()),
    this.summary, el("h2", {}, "What happened here"), this.list, this.table,
    el("h2", {}, "Book"), this.depth, this.book);
  }

  legend() {
    return el("fieldset", {class: "legend"}, el("legend", {class: "soft"}, "Marks"),
      Object.entries(KINDS).map(([kind, [colour, sign, name]]) => {
        const mark = el("b", {"aria-hidden": "true"}, sign);
        mark.style.color = `var(${colour})`;
        return el("label", {class: "check"}, el("input", {type: "checkbox", checked: this.kinds.has(kind),
          onchange: event => {
            this.kinds[event.target.checked ? "add" : "delete"](kind);
            this.draw();
          }}), mark, name);
      }));
  }

  // ---- which market

  hello({symbols}) {
    this.symbols = symbols;
    const some = PRODUCTS.filter(([, is]) => symbols.some(is)), chosen = this.product.value;
    fill(this.product, some.map(([name]) => el("option", {value: name}, name)));
    if (some.some(([name]) => name === chosen)) this.product.value = chosen;
    byId("product-pair").hidden = some.length < 2;
    const before = this.symbol.value;
    this.offer();
    if (this.symbol.value !== before) this.forget();
  }

  offer() {
    const [, is] = PRODUCTS.find(([name]) => name === this.product.value), chosen = this.symbol.value;
    const some = this.symbols.filter(is);
    fill(this.symbol, some.map(one => el("option", {value: one}, one)));
    if (some.includes(chosen)) this.symbol.value = chosen;
  }

  change() {
    this.forget();
    this.refresh();
  }

  forget() {
    this.candles = [];
    this.marks = [];
    this.after = 0;
    this.skipped = 0;
    this.listed = "";
  }

  // ---- what is there

  async refresh() {
    const symbol = this.symbol.value, frame = this.frame.value, known = this.candles, named = encodeURIComponent(symbol);
    if (!symbol) return;
    const since = known.length ? known[known.length - 1][0] : 0;
    try {
      const [found, marked] = await Promise.all([
        this.api.get(`/market?symbol=${named}&seconds=${frame}&since=${since}`),
        this.api.get(`/marks?symbol=${named}&after=${this.after}`)]);
      if (known !== this.candles) return; // another market was chosen meanwhile
      this.message.textContent = "";
      this.take(found, marked);
    } catch (error) {
      if (error.status) this.message.textContent = error.message;
      else if (!(error instanceof Unanswered)) throw error; // the server is away: the banner says so
    }
  }

  take(found, {marks, last, skipped}) {
    this.found = found;
    this.chart ??= new MarketChart(this.box, n => this.story(n, this.box));
    const known = this.candles, coming = found.candles;
    if (!known.length || !coming.length || coming[0][0] !== known[known.length - 1][0]) {
      known.splice(0, known.length, ...coming);
      this.chart.begin(known, found.price_step);
    } else {
      known.splice(known.length - 1, 1, ...coming);
      known.splice(0, known.length - CANDLES_MAX);
      this.chart.follow(coming);
    }
    this.marks.push(...marks);
    this.marks.splice(0, this.marks.length - MARKS_MAX);
    this.after = last;
    this.skipped = skipped;
    this.draw();
  }

  draw() {
    if (!this.found || !this.chart) return;
    const marks = this.marks.filter(one => this.kinds.has(one.kind));
    this.chart.mark(marks, this.candles);
    this.chart.orders(this.found.orders);
    this.drawFacts();
    this.drawSummary();
    this.drawList(marks);
    this.drawTable();
    this.drawDepth();
    fill(this.book, bookTable(this.found.book));
  }

  drawFacts() {
    const {ticker, funding, status} = this.found, at = this.feed.state?.at;
    fill(this.facts, [["venue's clock", at ? clock(at, true) : null], ["last", ticker.last], ["bid", ticker.bid?.[0]],
      ["ask", ticker.ask?.[0]], ["status", status],
      ...(funding ? [["mark", funding.mark], ["index", funding.index_price],
        ["funding", `${(Number(funding.rate) * 100).toFixed(4)} %`], ["next funding", funding.next_at?.slice(11, 19)]] : []),
    ].filter(([, value]) => value !== undefined && value !== null).map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));
  }

  /** What the chart shows, in words. */
  drawSummary() {
    const {candles, found} = this;
    if (!candles.length) { this.summary.textContent = "No candle yet."; return; }
    const highest = candles.reduce((a, b) => +b[2] > +a[2] ? b : a)[2], lowest = candles.reduce((a, b) => +b[3] < +a[3] ? b : a)[3];
    const counts = Object.entries(KINDS).map(([kind, [, , name]]) => [this.marks.filter(one => one.kind === kind).length, name])
      .filter(([many]) => many).map(([many, name]) => `${name}: ${many}`);
    const [begins, ends] = [candles[0][0], candles[candles.length - 1][0]].map(at => clock(at * 1000, true));
    this.summary.textContent = `${found.symbol} from ${begins} until ${ends} (UTC): from ${candles[0][1]} to ` +
      `${candles[candles.length - 1][4]}, lowest ${lowest}, highest ${highest}. ${counts.length ? `Marks: ${counts.join("; ")}` : "Nobody did anything yet"}.` +
      (this.skipped ? ` Of ${this.skipped.toLocaleString("en")} requests no mark was made: they came too fast.` : "");
  }

  drawList(marks) {
    const some = marks.slice(-LISTED_MAX).reverse(), key = JSON.stringify(some);
    if (key === this.listed) return;
    this.listed = key;
    renew(this.list, some.length ? some.map(({n, at, kind, client, text}) => {
      const [colour, sign, name] = KINDS[kind], mark = el("b", {"aria-hidden": "true"}, sign);
      mark.style.color = `var(${colour})`;
      return el("li", {}, el("button", {type: "button", "data-key": `${n} ${kind}`, onclick: () => this.story(n, this.list)},
        mark, el("b", {}, ` ${name} `), el("span", {class: "soft"}, `#${n} ${clock(at)} ${client} `), text));
    }) : el("li", {class: "soft"}, "Nothing that is marked."));
    roving(this.list);
  }

  drawTable() {
    if (!this.table.open) return;
    fill(this.table.lastElementChild, el("div", {class: "wide-table", tabindex: "0", role: "group", "aria-label": "Candles"}, el("table", {},
      el("thead", {}, el("tr", {}, ["time", "open", "high", "low", "close", "volume"].map(name => el("th", {scope: "col"}, name)))),
      el("tbody", {}, this.candles.slice(-TABLE_MAX).reverse().map(([time, ...rest]) =>
        el("tr", {}, [clock(time * 1000, true), ...rest].map(value => el("td", {}, value))))))));
  }

  drawDepth() { if (this.found) drawDepth(this.depth, this.found.book); }
}

const bookTable = ({bids, asks}) => el("table", {class: "book"},
  el("thead", {}, el("tr", {}, ["bid", "amount", "ask", "amount"].map(name => el("th", {scope: "col"}, name)))),
  el("tbody", {}, Array.from({length: Math.min(LEVELS, Math.max(bids.length, asks.length))}, (_, i) =>
    el("tr", {}, [bids[i]?.[0], bids[i]?.[1], asks[i]?.[0], asks[i]?.[1]].map(value => el("td", {}, value ?? ""))))));
