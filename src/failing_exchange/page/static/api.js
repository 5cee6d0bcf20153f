// Requests to the control API. The token, where one is needed, stays in this tab.
const KEY = "failing-exchange-token";

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
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

  /** Send a request; the JSON of the answer. Throws `Refused` with the reason. */
  async call(method, path, body) {
    const answer = await this.open(path, {
      method,
      headers: body === undefined ? {} : {"Content-Type": "application/json"},
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return answer.json();
  }

  get(path) { return this.call("GET", path); }
  post(path, body) { return this.call("POST", path, body); }
  delete(path) { return this.call("DELETE", path); }

  /** The response, when it is a good one; the feed reads it as a stream. */
  async open(path, options = {}) {
    for (;;) {
      const sent = this.token;
      const answer = await fetch(path, {
        ...options, headers: {...options.headers, ...this.headers()}, cache: "no-store",
        credentials: "omit", redirect: "error",
      });
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
