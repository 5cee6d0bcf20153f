// The live feed: rows of the journal, newest last, and what else the venue says of itself.
const ROWS_MAX = 10000; // rows that are kept; the oldest go first
const DROPPED = 500; // at a time
const HISTORY = 2000; // rows that are asked for at the beginning
const PAGE = 1000; // of one answer
const SILENT_MS = 5000; // without any message: the connection is taken for dead
const AGAIN_MS = [500, 1000, 2000, 4000]; // between two tries to connect

/**
 * Events, for `on(name, listener)`:
 * `hello` (facts: venue, symbols, accounts, ...), `rows` (the rows that came or changed, as a list),
 * `dropped` (how many went at the front), `cleared`, `state` (clock, counters, rules),
 * `connection` ("live", "busy", "lost").
 * `rows` has all rows by time, `facts` the last hello, `state` the last state.
 * A row: n, at, ms, client, op, symbol, push, through, asked, happened, told, faults, limited,
 * differs, open. A gap is a row with `gap: [first, last]` in place of these.
 */
export class Feed {
  constructor(api) {
    this.api = api;
    this.rows = [];
    this.facts = null;
    this.state = null;
    this.connection = "";
    this.listeners = {};
    this.byNumber = new Map();
    this.tries = 0;
    this.heard = 0;
  }

  on(name, listener) {
    (this.listeners[name] ??= []).push(listener);
    return listener;
  }

  emit(name, value) {
    for (const listener of this.listeners[name] || []) listener(value);
  }

  /** Connect, and go on for ever. */
  async run() {
    for (;;) {
      try {
        await this.read();
      } catch (error) {
        this.say("lost", error.status ? error.message : "");
      }
      this.say("lost", "");
      await new Promise(go => setTimeout(go, AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]));
    }
  }

  say(connection, why) {
    if (connection === this.connection && !why) return;
    this.connection = connection;
    this.emit("connection", {is: connection, why});
  }

  async read() {
    const stop = new AbortController();
    this.heard = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - this.heard > SILENT_MS) stop.abort();
    }, 1000);
    try {
      const answer = await this.api.open("/feed", {signal: stop.signal});
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return;
        this.heard = Date.now();
        text += value;
        let end;
        while ((end = text.indexOf("\n\n")) >= 0) {
          this.take(text.slice(0, end));
          text = text.slice(end + 2);
        }
      }
    } finally {
      clearInterval(watch);
      stop.abort();
    }
  }

  take(block) {
    const event = {};
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
    }
    const data = event.data ? JSON.parse(event.data) : {};
    if (event.event === "hello") this.hello(data);
    else if (event.event === "rows") this.add(data.rows, data.gaps);
    else if (event.event === "state") { this.state = data; this.say("live", ""); this.emit("state", data); }
    else if (event.event === "busy") this.say("busy", "");
  }

  hello(facts) {
    const restarted = this.facts !== null && this.facts.run !== facts.run;
    const last = this.rows.length ? this.lastNumber() : 0;
    if (restarted || last > facts.last) this.clear();
    this.facts = facts;
    this.tries = 0;
    this.say("live", "");
    this.emit("hello", facts);
    const next = this.rows.length ? this.lastNumber() + 1 : facts.first;
    const first = Math.max(next, facts.last - HISTORY + 1);
    if (first > next && next > 0) this.add([], [[next, first - 1]]);
    this.load(first, facts.last).catch(() => {});
  }

  lastNumber() {
    const row = this.rows[this.rows.length - 1];
    return row.gap ? row.gap[1] : row.n;
  }

  clear() {
    this.rows = [];
    this.byNumber.clear();
    this.emit("cleared");
  }

  /** Ask for the rows between two numbers, as at the beginning or in a gap. */
  async load(first, last) {
    for (let after = first - 1; after < last;) {
      const limit = Math.min(PAGE, last - after);
      const rows = await this.api.get(`/rows?after=${after}&limit=${limit}`);
      if (!rows.length) break;
      this.add(rows, []);
      after = rows[rows.length - 1].n;
    }
  }

  /** Ask for the last rows of a gap; it gets shorter. Whether there were any. */
  async fill(row) {
    const [first, last] = row.gap;
    const from = Math.max(first, last - PAGE + 1);
    const rows = await this.api.get(`/rows?after=${from - 1}&limit=${last - from + 1}`);
    const found = rows.filter(one => one.n <= last);
    if (from > first && found.length) row.gap = [first, from - 1];
    this.add(found, []);
    return found.length > 0;
  }

  /** Take rows in; those that are known already are renewed. */
  add(rows, gaps) {
    const changed = [];
    const coming = [...rows, ...gaps.map(gap => ({n: gap[0], gap}))].sort((a, b) => a.n - b.n);
    for (const row of coming) {
      const known = this.byNumber.get(row.n);
      if (known && !(row.gap && !known.gap)) {
        if (known.gap) delete known.gap;
        changed.push(Object.assign(known, row));
      } else if (!known) {
        this.insert(row);
        changed.push(row);
      }
    }
    this.emit("rows", changed);
    if (this.rows.length > ROWS_MAX) this.drop();
  }

  insert(row) {
    this.byNumber.set(row.n, row);
    let at = this.rows.length;
    while (at > 0 && this.rows[at - 1].n > row.n) at--;
    this.rows.splice(at, 0, row);
    row.late = at < this.rows.length - 1;
  }

  drop() {
    const gone = this.rows.splice(0, this.rows.length - ROWS_MAX + DROPPED);
    for (const row of gone) this.byNumber.delete(row.n);
    this.emit("dropped", gone.length);
  }
}
