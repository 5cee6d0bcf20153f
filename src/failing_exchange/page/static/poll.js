// Asking again and again, with bounds: for panels that show more than the feed brings.
const EVERY_MS = 950; // between two questions; the feed's `state` comes once a second

/**
 * What a panel returns of `mount`: `ask()` is called when the panel comes into sight, and then once
 * a second while both it and the browser's tab are in sight and the server answers; never while an
 * earlier one is under way.
 */
export const poll = (feed, ask) => {
  let visible = false, busy = false, last = 0;
  const turn = async () => {
    if (!visible || busy || document.hidden || !feed.facts || Date.now() - last < EVERY_MS) return;
    busy = true;
    last = Date.now();
    try { await ask(); } finally { busy = false; }
  };
  feed.on("hello", turn);
  feed.on("state", turn);
  document.addEventListener("visibilitychange", turn);
  return {show: () => { visible = true; turn(); }, hide: () => { visible = false; }};
};
