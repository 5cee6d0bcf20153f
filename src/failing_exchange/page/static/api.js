// Requests to the control API. The token, where one is needed, stays in this tab.
const KEY = "failing-exchange-token";

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export const AWAY = "The server does not answer.";
const ANSWER_MS = 15000; // until a request counts as unanswered; a busy venue may take some seconds

/** Nothing answers: what was asked for may have been done, or not. */
export class Unanswered extends Error {
  constructor() { super(`${AWAY} Try again as soon as it is back.`); }
}

/** The control API. `onToken` is asked for a token when one is needed. */
export class Api {
  constructor(onToken) {
    this.onToken = onToken;
    this.token = sessionStorage.getItem(KEY) || "";
    this.asking = null;
  }

  headers() {
    return this.token ? {Authorization: `Bearer ${this.token}`} : {};
  }

  /** Send a request; the JSON of the answer. Throws `Refused` with the reason, or `Unanswered`. */
  async call(method, path, body) {
    const answer = await this.open(path, {
      method,
      headers: body === undefined ? {} : {"Content-Type": "application/json"},
      body: body === undefined ? undefined : JSON.stringify(body),
    }, ANSWER_MS);
    try { return await answer.json(); } catch { throw new Unanswered(); }
  }

  get(path) { return this.call("GET", path); }
  post(path, body) { return this.call("POST", path, body); }
  delete(path) { return this.call("DELETE", path); }

  /** The response, when it is a good one; the feed reads it as a stream, and waits without `within`. */
  async open(path, options = {}, within = 0) {
    for (;;) {
      const sent = this.token;
      const answer = await fetch(path, {
        signal: within ? AbortSignal.timeout(within) : null,
        ...options, headers: {...options.headers, ...this.headers()}, cache: "no-store",
        credentials: "omit", redirect: "error",
      }).catch(() => { throw new Unanswered(); });
      if (answer.ok) return answer;
      const text = await answer.text();
      if (answer.status === 401) {
        if (sent === this.token) await this.login(sent !== "");
        continue;
      }
      let why = text;
      try { why = JSON.parse(text).error; } catch { /* not the API's own words */ }
      throw new Refused(answer.status, why || `HTTP ${answer.status}`);
    }
  }

  /** Ask for the token, once for all requests that wait for it. */
  async login(wrong) {
    this.asking ??= this.onToken(wrong).then(token => {
      this.token = token;
      sessionStorage.setItem(KEY, token);
    }).finally(() => { this.asking = null; });
    await this.asking;
  }
}
