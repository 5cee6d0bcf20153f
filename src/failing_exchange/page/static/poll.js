// Asking again and again, with bounds: for panels that show more than the feed brings.
import {fill} from "./dom.js";

const EVERY_MS = 950; // between two questions; the feed's `state` comes once a second
const TOGETHER = 5; // pages that ask so often; of more each asks less often, so that all cost no more

/**
 * What a panel returns of `mount`: `ask()` is called when the panel comes into sight, and then once
 * a second (of many viewers less often) while both it and the browser's tab are in sight and the server answers; never while an
 * earlier one is under way.
 */
export const poll = (feed, ask) => {
  let visible = false, busy = false, last = 0;
  const turn = async () => {
    const every = EVERY_MS * Math.max(1, (feed.state?.viewers || 1) / TOGETHER);
    if (!visible || busy || document.hidden || !feed.facts || Date.now() - last < every) return;
    busy = true;
    last = Date.now();
    try { await ask(); } finally { busy = false; }
  };
  feed.on("hello", turn);
  feed.on("state", turn);
  document.addEventListener("visibilitychange", turn);
  return {show: () => { visible = true; last = 0; turn(); }, hide: () => { visible = false; }};
};

/**
 * Put children in the place of what an element holds, as `fill`; the keyboard and what is scrolled
 * stay where they were. What has them is known by its `data-key`, else by its `aria-label`.
 */
export const renew = (place, ...kids) => {
  const key = one => one.dataset.key || one.getAttribute("aria-label");
  const focus = place.contains(document.activeElement) ? key(document.activeElement) : null;
  const scrolled = [...place.querySelectorAll(".wide-table")].map(one => [key(one), one.scrollTop, one.scrollLeft]);
  fill(place, ...kids);
  for (const one of place.querySelectorAll("[data-key], [aria-label]")) {
    if (focus && key(one) === focus) one.focus({preventScroll: true});
    const was = scrolled.find(([name]) => name === key(one));
    if (was) [one.scrollTop, one.scrollLeft] = was.slice(1);
  }
};
