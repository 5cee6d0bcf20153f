// The verdict in words. charts.js goes on below, in the same function.
const D = JSON.parse(document.getElementById("data").textContent);
const el = (tag, attrs = {}, ...kids) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) made.setAttribute(name, value);
  made.append(...kids.flat().filter(kid => kid !== null && kid !== undefined && kid !== ""));
  return made;
};
const byId = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const money = x => x.toLocaleString("en", {minimumFractionDigits: 2, maximumFractionDigits: 2});
const times = (n, one, many) => n === 1 ? `1 ${one}` : `${n.toLocaleString("en")} ${many}`;
const redraws = []; // what is drawn again when the colours change
const section = (id, title, about, ...kids) => byId("main").append(
  el("section", {id, "aria-labelledby": `${id}-h`}, el("h2", {id: `${id}-h`}, title),
    about ? el("p", {class: "soft"}, about) : null, ...kids));

const WORD_MAX = 24; // letters of a word that is kept on one line, on a phone too
const copyLine = text => {
  const button = el("button", {type: "button", "aria-label": "Copy the command"}, "Copy");
  const code = el("code", {tabindex: "0"}, // no line ends within an option
    text.split(" ").flatMap((word, i) => [i ? " " : "", word.length < WORD_MAX
      ? el("span", {class: "word"}, word) : word]));
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch { // a page that is a file may not write to the clipboard
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected";
    }
  };
  return el("div", {class: "code"}, code, button);
};

// ---- colours
const root = document.documentElement, toggle = byId("theme");
const isDark = () => root.dataset.theme
  ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const label = () => {
  toggle.textContent = isDark() ? "Light" : "Dark";
  toggle.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  toggle.setAttribute("aria-pressed", String(isDark()));
};
const recolour = () => { label(); redraws.forEach(draw => draw()); };
toggle.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; recolour(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
label();

// ---- the top
byId("outcome").textContent = D.outcome;
byId("outcome").classList.add(D.tone);
byId("headline").textContent = D.headline;
byId("sentence").textContent = D.sentence;
byId("about").textContent = D.about;
if (D.money) {
  byId("money").append(el("b", {}, D.money.value), el("span", {}, D.money.name),
    el("p", {}, D.money.means));
  if (/[1-9]/.test(D.money.value)) byId("money").classList.add("loss");
} else byId("money").remove();
if (D.stopped) section("stopped", D.kind === "explore" ? "Could not run" : "Stopped early", "", el("p", {class: "card"}, D.stopped));
if (D.traceback) section("traceback", "Where the bot died", "The bot's own lines only.",
  el("div", {class: "card dead"}, el("pre", {tabindex: "0"}, D.traceback)));

// ---- findings
const clock = ms => D.recording
  ? new Date(D.recording.began + ms).toISOString().slice(11, D.recording.ended < 10000 ? 23 : 19)
  : `+${(ms / 1000).toFixed(1)} s`;
const row = c => el("tr", {class: c.named ? "named" : ""},
  el("td", {}, `${c.number} `, el("br"), clock(c.at)), el("td", {}, c.asked),
  el("td", {}, c.happened),
  el("td", {}, c.told, c.faults.length
    ? [el("br"), el("span", {class: "fault"}, "⚡ " + c.faults.join(", "))] : null));
const heads = (...names) => el("thead", {}, el("tr", {}, names.map((name, i) => el("th",
  {scope: "col", class: name === D.currency ? "sum" : ""}, name))));
const columns = f => f.columns && f.columns.length ? [
  el("p", {class: "soft"}, "What the bot asked, what then happened on the exchange, and what the " +
    "bot was told. Red: the requests that the sentence names."),
  el("table", {class: "cols"}, heads("trip", "asked", "HAPPENED", "TOLD"),
    el("tbody", {}, f.columns.map(row)))] : null;
const cause = c => [
  el("p", {}, el("b", {}, c.kinds.join(" + ") || "no fault"),
    ` The bot ${c.text}; in ${times(c.times, "world", "worlds")}; ${c.needs}.`),
  c.token ? copyLine(`failing-exchange replay ${c.token}`) : null];
const more = f => f.causes && f.causes.length > 1 ? el("details", {class: "more"},
  el("summary", {}, times(f.causes.length - 1, "more cause", "more causes") + " at this place"),
  el("div", {}, f.causes.slice(1).map(cause))) : null;
const often = f => times(f.times, f.causes ? "world" : "time", f.causes ? "worlds" : "times");
const sum = f => f.sum ? `${money(f.sum)} ${D.currency}` : "";
const details = f => [
  f.place ? `At ${f.place}.` : "",
  f.kinds && f.kinds.length ? `Faults: ${f.kinds.join(" + ")}.` : "",
  f.needs ? `${f.needs[0].toUpperCase()}${f.needs.slice(1)}.` : "",
  f.times > 1 && !f.causes && f.money ? `This first time: ${money(f.money)} ${D.currency} at risk.` : "",
  f.also && f.also.length ? `Also breaks ${f.also.join(", ")}.` : "",
].filter(Boolean).join(" ");
const finding = (f, i) => el("details", {class: "card finding", id: `finding-${i}`,
  ...(i ? {} : {open: ""})},
  el("summary", {},
    el("span", {class: "text"}, el("span", {class: "mark fail"}, f.rule), `The bot ${f.text}.`),
    el("span", {class: "sum"}, sum(f) ? el("b", {}, sum(f)) : null,
      D.kind === "card" ? null : el("span", {}, often(f)))),
  el("div", {class: "body"}, details(f) ? el("p", {class: "soft"}, details(f)) : null,
    f.traceback ? el("pre", {class: "code", tabindex: "0"}, f.traceback) : null, columns(f),
    f.care ? el("p", {class: "care"}, el("b", {}, "A careful bot "), f.care) : null, more(f),
    f.replay ? copyLine(f.replay) : null));
const INDEX_MAX = 12; // findings that the top names; the list below has all
const TITLES = {
  run: ["What went wrong", "One line for each broken rule, the gravest first. The sum beside it is " +
    "of all its times; rules see the same money from several sides, so sums are not added up. The headline is " +
    "of rules whose breach costs money; a breach of the others may cost it."],
  explore: ["What to mend, first things first", "One line for each rule and place in the bot. The " +
    "sum is of the worst world. Open a line for its smallest example and the command that replays it."],
  card: ["Without any fault", "What the bot breaks on a calm day. It is told here once, and not " +
    "repeated in the scenarios below."],
};
if (D.findings.length) {
  section("findings", ...TITLES[D.kind], D.findings.map(finding),
    D.findings_left ? el("p", {class: "soft"}, `${D.findings_left} more are in the file.`) : null);
  if (D.findings.length > 1 && D.kind !== "card") D.findings.slice(0, INDEX_MAX).forEach((f, i) => {
    const link = el("a", {href: `#finding-${i}`}, el("b", {}, f.rule),
      ...[f.place, sum(f)].filter(Boolean).map(text => el("span", {}, text)), el("span", {class: "soft"}, often(f)));
    link.onclick = () => { byId(`finding-${i}`).open = true; };
    byId("index").append(link);
  });
}

// ---- a report card
const graded = g => el("details", {class: "card finding"},
  el("summary", {},
    el("span", {class: "text"}, el("b", {}, g.scenario + " "), el("span", {class: "soft"}, g.family),
      el("br"), Object.keys(g.broken).map(rule => el("span", {class: "mark fail"}, rule)), g.error),
    el("span", {class: "sum"}, g.money ? el("b", {}, `${money(g.money)} ${D.currency}`) : null)),
  el("div", {class: "body"},
    Object.entries(g.broken).map(([rule, text]) => el("p", {}, el("b", {}, rule + ": "),
      `the bot ${text}.`)), copyLine(g.again)));
if (D.failed && D.failed.length) section("failed", times(D.failed.length, "scenario", "scenarios") +
  " that it fails", "The costliest first. Open one for what happened and the command that runs it.",
  D.failed.map(graded));
if (D.passed && D.passed.length) section("passed", times(D.passed.length, "scenario", "scenarios") +
  " that it passes", "", el("details", {class: "card more"}, el("summary", {}, "Show them"),
  el("div", {}, D.passed.map(g => el("p", {}, el("b", {}, g.scenario + " "),
    el("span", {class: "soft"}, g.family))))));

// ---- numbers and rules
if (D.again) section("again", "Run it again", D.kind === "run"
  ? "The same run, with every option that it had." : "",
  el("div", {class: "again"}, copyLine(D.again)));
for (const s of D.sections) section(s.id, s.title, "", el("div", {class: "facts"},
  s.figures.map(f => el("div", {}, el("b", {}, f.value), el("span", {}, f.name), el("p", {}, f.means)))));
const ORDER = ["fail", "not judged", "pass"], TONES = {pass: "pass", fail: "fail"};
const why = r => {
  const at = D.findings.findIndex(f => f.rule === r.rule);
  if (r.outcome !== "fail" || at < 0) return r.why;
  const link = el("a", {href: `#finding-${at}`},
    `${D.kind === "explore" ? times(r.times, "place", "places") : times(r.times, "time", "times")}: ` +
    "see above");
  link.onclick = () => { byId(`finding-${at}`).open = true; };
  return link;
};
if (D.results.length) section("rules", "Rule by rule",
  "A rule is not judged where the run gave no occasion for it, or what it compares is not known.",
  el("div", {class: "card"}, el("table", {class: "rules"}, heads("outcome", "rule", "why", D.currency),
    el("tbody", {}, [...D.results]
      .sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome))
      .map(r => el("tr", {},
        el("td", {}, el("span", {class: "mark " + (TONES[r.outcome] || "not")}, r.outcome)),
        el("td", {class: "name"}, r.rule), el("td", {}, why(r)),
        el("td", {class: "sum"}, r.money ? money(r.money) : "")))))));
