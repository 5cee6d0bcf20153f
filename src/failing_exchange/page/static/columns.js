// The two columns, live: a row per request or push. Only the rows in sight are elements.
import {action, clock, el, fill, notice} from "./dom.js";

const OVERSCAN = 6; // rows above and below those in sight
const SORT_MS = 300; // without a new drawing, until the elements are put in order
const WELCOME = "No bot has asked anything yet. Let one trade at the address that serve has printed: each request and push becomes a row here, " +
  "what happened on the exchange beside what the client was told. Then arm a fault, and see them differ.";
const FILTERS = [ // name, label, what of a row it compares
  ["client", "Client", row => [row.client || "(nobody)"]],
  ["op", "Operation", row => [row.op]],
  ["symbol", "Symbol", row => [row.symbol || "(none)"]],
  ["fault", "Fault", row => row.faults],
];

export function mount(root, feed, api, story) {
  const table = new Columns(root, feed, story);
  feed.on("rows", rows => { rows.forEach(row => table.learn(row)); table.renew(); });
  feed.on("dropped", () => table.renew());
  feed.on("cleared", () => { table.active = null; table.paused = table.asked = false; table.renew(); });
  feed.on("find", ({fault}) => table.find("fault", fault));
  addEventListener("resize", () => table.soon());
  return {show: () => table.soon()};
}

class Columns {
  constructor(root, feed, story) {
    this.feed = feed;
    this.story = story;
    this.view = [];
    this.pool = [];
    this.active = null; // the number of the row that has the keyboard
    this.paused = false;
    this.due = false;
    this.follows = true; // the newest rows stay in sight, until somebody scrolls away from them
    this.wanted = {client: "", op: "", symbol: "", fault: "", text: "", differs: false};
    this.known = Object.fromEntries(FILTERS.map(([name]) => [name, new Set()]));
    this.build(root);
  }

  build(root) {
    this.selects = Object.fromEntries(FILTERS.map(([name, label]) => [name, el("select", {
      "aria-label": label, onchange: event => this.filter(name, event.target.value),
    }, el("option", {value: ""}, `${label}: all`))]));
    const search = el("input", {type: "search", placeholder: "Search", "aria-label": "Search the rows",
      oninput: event => this.filter("text", event.target.value.toLowerCase())});
    const differs = el("input", {type: "checkbox",
      onchange: event => this.filter("differs", event.target.checked)});
    this.pauseButton = el("button", {type: "button", "aria-pressed": "false",
      onclick: () => this.pause(!this.paused)}, "Pause");
    this.count = el("span", {class: "soft count"});
    this.spacer = el("div", {class: "spacer", role: "presentation"});
    this.scroller = el("div", {id: "rows", class: "scroller", role: "grid", tabindex: "0",
      "aria-label": "What happened, and what the client was told; newest last",
      "aria-colcount": "5", onscroll: () => this.scrolled(), onkeydown: event => this.key(event),
      onclick: event => this.click(event)},
      el("div", {class: "head row", role: "row", "aria-rowindex": "1"},
        ["", "asked", "HAPPENED", "TOLD"].map(name => el("span", {role: "columnheader"},
          name || "number, time, client"))), this.spacer);
    this.empty = el("p", {class: "soft empty"});
    root.append(el("div", {class: "filters", role: "search"}, search,
      Object.values(this.selects), el("label", {class: "check"}, differs, "differences only"),
      this.pauseButton, this.count), this.scroller, this.empty);
  }

  /** Offer what a row has in the filters. */
  learn(row) {
    row.version = (row.version || 0) + 1;
    row.text = null;
    if (row.gap) return;
    for (const [name, label, values] of FILTERS) {
      for (const value of values(row)) {
        if (this.known[name].has(value)) continue;
        this.known[name].add(value);
        const select = this.selects[name], chosen = select.value;
        fill(select, el("option", {value: ""}, `${label}: all`),
          [...this.known[name]].sort().map(one => el("option", {value: one}, one)));
        select.value = chosen;
      }
    }
  }

  filter(name, value) {
    this.wanted[name] = value;
    this.renew();
  }

  /** Set a filter from elsewhere on the page. */
  find(name, value) {
    this.selects[name].value = value;
    this.filter(name, this.selects[name].value);
  }

  matches(row) {
    const {text, differs} = this.wanted;
    if (row.gap) return !text && !differs && FILTERS.every(([name]) => !this.wanted[name]);
    if (differs && !row.differs) return false;
    for (const [name, , values] of FILTERS) {
      if (this.wanted[name] && !values(row).includes(this.wanted[name])) return false;
    }
    if (!text) return true;
    row.text ??= [row.n, row.client, row.op, row.symbol, row.through, row.asked, row.happened,
      row.told, ...row.faults].join(" ").toLowerCase();
    return row.text.includes(text);
  }

  pause(paused) {
    this.paused = paused;
    this.pausedAt = this.feed.rows.length ? this.feed.lastNumber() : 0;
    this.pauseButton.setAttribute("aria-pressed", String(paused));
    this.renew();
  }

  /** Choose the rows anew before they are drawn. */
  renew() {
    this.stale = true;
    this.soon();
  }

  /** Draw before the next frame, however often it is asked for. */
  soon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.draw(); });
  }

  scrolled() {
    const {scrollTop, clientHeight, scrollHeight} = this.scroller;
    this.follows = scrollTop + clientHeight >= scrollHeight - this.height / 2;
    this.soon();
  }

  get height() { return this.rowHeight || 46; }

  draw() {
    if (!this.scroller.offsetParent) return; // not in sight
    const box = this.scroller, was = this.height;
    const top = this.view[Math.floor(box.scrollTop / was)], share = box.scrollTop % was / was;
    const h = this.rowHeight = Math.round(parseFloat(getComputedStyle(box).getPropertyValue("--row")));
    if (this.stale || h !== was) { // rows are higher in a narrow window
      const last = this.paused ? this.pausedAt : Infinity;
      this.view = this.feed.rows.filter(row => row.n <= last && this.matches(row));
      this.spacer.style.height = `${this.view.length * h}px`;
      box.setAttribute("aria-rowcount", String(this.view.length + 1));
      this.drawCount();
    }
    this.stale = false;
    if (this.follows && !this.paused) box.scrollTop = box.scrollHeight;
    else if (top && (h !== was || this.view[Math.floor(box.scrollTop / h)] !== top)) {
      box.scrollTop = (Math.max(0, this.indexOf(top.n)) + share) * h;
    }
    this.drawRows(h);
  }

  drawRows(h) {
    const box = this.scroller;
    const first = Math.max(0, Math.floor(box.scrollTop / h) - OVERSCAN);
    const many = Math.ceil(box.clientHeight / h) + 2 * OVERSCAN;
    while (this.pool.length < many) {
      const row = el("div", {class: "row", role: "row"});
      this.pool.push(row);
      this.spacer.append(row);
    }
    const last = Math.min(this.view.length, first + this.pool.length);
    this.pool.forEach(place => { place.used = false; });
    for (let i = first; i < last; i++) this.drawRow(this.pool[i % this.pool.length], this.view[i], i, h);
    for (const place of this.pool) {
      place.hidden = !place.used;
      if (!place.used) place.removeAttribute("id");
    }
    clearTimeout(this.sorting);
    this.sorting = setTimeout(() => this.sort(), SORT_MS);
  }

  /** Bring the elements into the order of their rows, for screen readers, when scrolling rests. */
  sort() {
    const wanted = this.pool.filter(place => place.used).sort((a, b) => a.index - b.index);
    if (wanted.some((place, i) => i && !(wanted[i - 1].compareDocumentPosition(place) & 4))) {
      this.spacer.append(...wanted);
    }
  }

  /** Draw a row into an element; most of the time it is there already. */
  drawRow(place, row, index, h) {
    place.used = true;
    const active = this.active === row.n;
    if (place.row === row && place.version === row.version && place.index === index &&
      place.active === active && place.h === h && place.id) return;
    if (place.row !== row || place.version !== row.version) {
      fill(place, row.gap ? this.gapCells(row) : this.cells(row));
    }
    Object.assign(place, {row, version: row.version, index, active, h, id: `row-${row.n}`});
    place.style.transform = `translateY(${index * h}px)`;
    place.dataset.n = row.n;
    place.setAttribute("aria-rowindex", String(index + 2));
    place.setAttribute("aria-selected", String(active));
    place.className = `row${row.gap ? " gap" : ""}${row.differs ? " differs" : ""}` +
      `${row.push ? " push" : ""}${active ? " active" : ""}`;
  }

  cells(row) {
    const told = row.told || (row.op === "(market)" ? "" : "nothing");
    return [
      el("span", {role: "gridcell", class: "who"},
        el("b", {}, `#${row.n}`), " ", clock(row.at), el("br"),
        el("span", {class: "soft"}, " ", row.client || (row.op === "(market)" ? "the venue" : "no account"),
          row.push ? " · push" : "")),
      el("span", {role: "gridcell", class: "asked"}, row.asked,
        row.through ? [el("br"), el("span", {class: "soft"}, " ", row.through)] : null),
      el("span", {role: "gridcell", class: "happened"}, row.happened),
      el("span", {role: "gridcell", class: "told"},
        row.differs ? el("b", {class: "sign", title: "not what happened"}, "≠ ") : null, told,
        row.ms >= 1000 ? el("span", {class: "soft"}, ` after ${(row.ms / 1000).toFixed(1)} s`) : null,
        row.faults.map(one => [" ", el("span", {class: "fault"}, `⚡ ${one}`)])),
    ];
  }

  gapCells(row) {
    const [first, last] = row.gap, many = last - first + 1;
    return el("span", {role: "gridcell", class: "wide"},
      `${many.toLocaleString("en")} ${many === 1 ? "row is" : "rows are"} not shown (#${first} to #${last}). `,
      action("Show them", () => this.fillGap(row), {tabindex: "-1"}));
  }

  async fillGap(row) {
    if (!await this.feed.fill(row)) notice("The journal has forgotten these rows", true);
  }

  drawCount() {
    const shown = this.view.length, all = this.feed.rows.length;
    const behind = this.paused && all ? this.feed.lastNumber() - this.pausedAt : 0;
    this.count.textContent = shown === all ? `${all.toLocaleString("en")} ${all === 1 ? "row" : "rows"}`
      : `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} rows`;
    this.pauseButton.textContent = this.paused ? `Go on${behind ? ` (${behind} new)` : ""}` : "Pause";
    this.asked ||= this.feed.rows.some(row => row.gap || row.op !== "(market)");
    this.empty.textContent = !this.asked ? WELCOME : shown ? "" : "No row matches.";
    this.empty.hidden = !this.empty.textContent;
  }

  // ---- keyboard and pointer

  indexOf(n) {
    let low = 0, high = this.view.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.view[middle].n < n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 2);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (event.key in steps && this.view.length) {
      const last = this.view.length - 1;
      const from = this.active === null ? last + (steps[event.key] > 0 ? 0 : 1) : this.indexOf(this.active);
      this.choose(Math.min(last, Math.max(0, from + steps[event.key])));
      event.preventDefault();
    } else if ((event.key === "Enter" || event.key === " ") && this.active !== null) {
      this.open(this.view[this.indexOf(this.active)]);
      event.preventDefault();
    }
  }

  choose(index) {
    const row = this.view[index], box = this.scroller, h = this.height;
    this.active = row.n;
    box.setAttribute("aria-activedescendant", `row-${row.n}`);
    const head = box.firstElementChild.offsetHeight, y = index * h;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + h + head > box.scrollTop + box.clientHeight) box.scrollTop = y + h + head - box.clientHeight;
    this.soon();
  }

  click(event) {
    const place = event.target.closest("[data-n]");
    if (!place || event.target.closest("button")) return;
    const index = this.indexOf(Number(place.dataset.n));
    if (!this.view[index]) return;
    this.choose(index);
    this.open(this.view[index]);
  }

  open(row) {
    if (!row) return;
    if (row.gap) this.fillGap(row).catch(error => notice(error.message, true));
    else this.story(row.n, this.scroller);
  }
}
