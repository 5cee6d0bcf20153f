// The whole story of a request: what was asked, decided, done and told, and what was learned later.
import {action, byId, clock, copy, el, fill, roving} from "./dom.js";

/** What opens the story of a trip by its number, and gives the keyboard back to `from` at the end. */
export function teller(root, api) {
  let from = null, shown = 0;
  const close = () => {
    root.hidden = true;
    shown = 0;
    document.body.classList.remove("with-story");
    from?.focus();
  };
  root.addEventListener("keydown", event => { if (event.key === "Escape") close(); });
  const open = async (n, opener = document.activeElement) => {
    from = opener;
    shown = n;
    fill(root, el("p", {class: "soft"}, `Reading #${n} …`));
    root.hidden = false;
    document.body.classList.add("with-story");
    let parts;
    try {
      parts = body(await api.get(`/trips/${n}`), open);
    } catch (error) {
      parts = [el("h2", {tabindex: "-1"}, `#${n}`), el("p", {class: "bad"}, error.message)];
    }
    if (shown !== n) return; // another one was asked for meanwhile
    fill(root, el("button", {type: "button", class: "close", "aria-label": "Close the story",
      onclick: close}, "×"), parts);
    root.scrollTop = 0;
    root.querySelector("h2").focus();
  };
  return open;
}

const body = (trip, open) => {
  const {row, related} = trip;
  return [
    el("h2", {tabindex: "-1"}, `#${trip.number} ${trip.operation}${trip.symbol ? ` ${trip.symbol}` : ""}`),
    el("p", {class: "soft"}, about(trip)),
    el("p", {class: row.differs ? "differs lead" : "lead"}, sentence(trip)),
    el("div", {class: "tools"},
      trip.test ? action("Copy as a test", () => copy(trip.test, `test_request_${trip.number}.py`)) : null,
      action("Copy as JSON", () => copy(JSON.stringify(trip, null, 2), `trip_${trip.number}.json`))),
    part("Asked", row.asked, trip.message),
    part("Happened", row.happened, trip.happened),
    part("Told", row.told || "nothing", trip.told, trip.gave_up_ms ? "what came when the client had gone" : "in full"),
    sent(trip.response, trip), framed(trip.frames, trip),
    el("h3", {}, "Decided"), el("pre", {tabindex: "0"}, trip.explanation),
    others("Before, about the same orders", related.before, open),
    learned(trip, open),
    related.more ? el("p", {class: "soft"}, `${related.more} more trips concern these orders.`) : null,
  ];
};

const about = trip => [
  trip.client ? `by ${trip.client}` : trip.operation === "(market)" ? "by the venue itself" : "without an account",
  clock(trip.at_ms, true), trip.row.through, trip.row.push ? "a push" : trip.nth ? `number ${trip.nth} of its kind` : "",
  trip.echo_of ? `the second arrival of #${trip.echo_of}` : "",
  trip.row.ms === null ? "still under way" : trip.gave_up_ms ? `the client gave up after ${trip.row.ms} ms`
    : trip.told === null ? "" : `answered after ${trip.row.ms} ms`,
].filter(Boolean).join(" · ");

const sentence = trip => {
  const {row} = trip;
  if (row.op === "(market)") return "It happened without a request, and nobody was told by it.";
  if (row.open) return "It is under way.";
  if (!row.differs) return row.limited ? "The venue's own limits refused it." : "The client was told what happened.";
  return `The client was not told what happened${row.faults.length ? `: ${row.faults.join(", ")}` : ""}.`;
};

const part = (title, text, value, more = "in full") => [
  el("h3", {}, title), el("p", {}, text),
  empty(value) ? null : el("details", {}, el("summary", {}, more), tree(value)),
];
const empty = value => value === null || value === undefined || value === "" ||
  (typeof value === "object" && Object.keys(value).length === 0);

const sent = (response, trip) => response && [
  el("h3", {}, trip.gave_up_ms ? "Bytes that nobody waited for" : "Bytes sent"),
  el("pre", {tabindex: "0"}, `HTTP ${response.status}\n`, response.headers.map(one => `${one}\n`), "\n", response.body,
    response.cut ? ` … ${response.cut} more letters` : ""),
  el("p", {class: response.damage ? "bad" : "soft"}, response.damage
    ? `These bytes were damaged on their way: ${response.damage.replaceAll("_", " ")}.`
    : "Made again from the journal, as the REST API writes it; the headers say what is used of the limits now."),
];

const framed = (frames, trip) => frames.length ? [
  el("h3", {}, `Bytes sent on ${[...new Set(frames.map(one => one.connection))].join(", ")}`),
  frames.map(one => [
    el("p", {class: "soft"}, `A ${one.kind} frame of ${one.bytes.toLocaleString("en")} bytes, which begin with ${one.head}`),
    one.text ? el("pre", {tabindex: "0"}, one.text, one.cut ? ` … ${one.cut.toLocaleString("en")} more bytes` : "") : null]),
] : trip.row.through && !trip.response && trip.told === null && trip.row.ms !== null ? [el("h3", {}, "Bytes sent"), el("p", {}, "none")]
  : trip.row.push && trip.told !== null ? [el("h3", {}, "Bytes sent"), el("p", {class: "soft"},
  "None are known: this client is in process, its frames are forgotten, or a fault sent nothing.")] : null;

const SHOWN_MAX = 200; // entries of one list or object
/** A value of JSON as nested lists. */
export const tree = value => {
  if (value === null || typeof value !== "object") return el("code", {}, String(value));
  const entries = Object.entries(value);
  return el("dl", {class: "tree"}, entries.slice(0, SHOWN_MAX).map(([name, one]) => el("div", {},
    el("dt", {}, Array.isArray(value) ? `${Number(name) + 1}.` : name), el("dd", {}, tree(one)))),
    entries.length > SHOWN_MAX ? el("div", {}, el("dd", {}, `… ${entries.length - SHOWN_MAX} more`)) : null);
};

const learned = (trip, open) => {
  const {related, client} = trip, knew = related.after.find(row => row.knew);
  if (!related.orders.length || !client) return null;
  const text = knew ? `${client} was told of it in #${knew.n}, ${((knew.at - trip.at_ms) / 1000).toFixed(1)} s later.`
    : `${client} has not been told of it since.`;
  return [el("h3", {}, "Learned later"), el("p", {}, text), list(related.after, open)];
};

const others = (title, rows, open) => rows.length ? [el("h3", {}, title), list(rows, open)] : null;
const list = (rows, open) => roving(el("ul", {class: "related"}, rows.map(row => el("li", {},
  el("button", {type: "button", class: row.differs ? "differs" : "", onclick: () => open(row.n, byId("rows"))},
    el("b", {}, `#${row.n} `), row.asked || "the venue",
    el("span", {class: "soft"}, ` → ${row.told || row.happened}`),
    row.knew ? el("span", {class: "mark"}, "told") : null)))));
