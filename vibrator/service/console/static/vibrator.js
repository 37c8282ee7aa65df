// The API from a web page: no dependencies, a method a verb, errors that carry the problem.
//
//   const vibrator = new Vibrator({ base: "https://api.example.org", key: "vib_…" });
//   await vibrator.observe("ada", "click", "a deep guide to gRPC");
//   const decision = await vibrator.decide("ada", { grpc: "gRPC streaming", cake: "plum cake" });
//   await vibrator.outcome(decision.decision_id, "done", { dwell_ms: 60000 });
"use strict";

class VibratorProblem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

class Vibrator {
  constructor({ base = "", key = null, fetch = (...args) => globalThis.fetch(...args) } = {}) {
    Object.assign(this, { base, key, fetch });
  }

  observe(user_id, type, content, more = {}) {
    return this.ask("POST", "/v1/actions", { user_id, type, content, ...more });
  }

  score(user_id, contents, more = {}) {
    return this.ask("POST", "/v1/score", { user_id, contents, ...more });
  }

  rank(user_id, k = 10, more = {}) {
    return this.ask("POST", "/v1/rank", { user_id, k, ...more });
  }

  decide(user_id, candidates, more = {}) {
    return this.ask("POST", "/v1/decide", { user_id, candidates, ...more });
  }

  outcome(decision_id, what, more = {}) {
    // A page that is being left still gets its outcome told.
    return this.ask("POST", "/v1/outcomes", { decision_id, what, ...more }, { keepalive: true });
  }

  consent(user_id, granted, more = {}) {
    return this.ask("PUT", `/v1/users/${encodeURIComponent(user_id)}/consent`, { granted, ...more });
  }

  async ask(method, path, body, more = {}) {
    const headers = { "Content-Type": "application/json" };
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    const answer = await this.fetch(this.base + path, { method, headers, body: JSON.stringify(body), ...more });
    const told = await answer.json().catch(() => null);
    if (!answer.ok || told === null) {
      throw new VibratorProblem(told ?? { status: answer.status, detail: `${path} answered ${answer.status}` });
    }
    return told;
  }
}

globalThis.Vibrator = Vibrator;
globalThis.VibratorProblem = VibratorProblem;
