/** One picture on its way: what is known of it, and the steps that it takes. Knows nothing of the page. */

import { remove as removeJob, serviceNow, status as askStatus } from "./api.js";
import { Follower } from "./follow.js";
import { persist, Slots } from "./patience.js";
import { inspect, objection } from "./picture.js";
import { fetchResult } from "./result.js";
import { newIdempotencyKey, upload } from "./upload.js";
import { hintFor, sentenceCase } from "./words.js";

const GONE = {
  downloaded: "The result was fetched before, and is deleted.",
  expired: "Nobody has fetched the result in time, so it was deleted.",
  deleted: "The result was deleted.",
};
const FINAL = ["already_downloaded", "expired", "deleted", "result_lost", "job_failed", "job_not_found"];
const UNFINISHED = ["waiting", "uploading", "processing", "completed", "fetching"];
const uploads = new Slots(2);

/**
 * Its `state` goes from `ready` over `waiting`, `uploading`, `processing`, `completed` and `fetching` to `held`, or to
 * `failed`. Every change is told by the event "change".
 */
export class Job extends EventTarget {
  state = "ready";
  picture = { format: null, width: 0, height: 0 };
  options = {};
  status = null;
  share = 0;
  note = "";
  problem = null;
  trouble = null;
  result = null;
  isSaved = false;
  isDeleted = false;
  #jobId = null;
  #cancelledId = null; // of a job that the service has perhaps not heard about
  #heardAt = 0;
  #controller = new AbortController();
  #inspection = null;
  #isInspected = false;
  #isLooking = false;

  constructor(file) {
    super();
    this.file = file;
    this.name = file.name;
    this.url = URL.createObjectURL(file);
  }

  /** Whether something would be lost with the page. */
  get isAtStake() {
    return UNFINISHED.includes(this.state) || (this.state === "held" && !this.isSaved);
  }

  get isRunning() {
    return UNFINISHED.includes(this.state) && this.state !== "completed";
  }

  /** Seconds until it is done, by what the service said last; null where it did not say. */
  etaSeconds() {
    if (this.status?.eta_seconds === undefined) return null;
    return Math.max(0, this.status.eta_seconds - (Date.now() - this.#heardAt) / 1000);
  }

  /** Look at the file. */
  inspect(options, limits) {
    this.options = options;
    this.#inspection = this.#look(limits);
    return this.#inspection;
  }

  async #look(limits) {
    try {
      this.picture = await inspect(this.file, this.url);
    } catch {
      this.#fail({ sentence: "This file cannot be read.", code: "unreadable_file" });
      return;
    }
    this.#isInspected = true;
    if (!this.#object(limits)) this.#set({});
  }

  /** Take other options, while nothing has begun. */
  choose(options, limits) {
    if (this.state !== "ready" && !this.problem?.isLocal) return;
    this.#set({ options, state: "ready", problem: null });
    if (this.#isInspected) this.#object(limits);
  }

  /** Upload it, and follow it to its end. `replaced`: a job to cancel before. */
  async start(options, limits, replaced = null) {
    const signal = this.#anew();
    this.#set({ options, state: "waiting", share: 0, problem: null, note: "", status: null, trouble: null });
    await this.#inspection;
    if (this.#object(limits)) return;
    await this.#attempt(signal, async () => {
      const old = replaced ?? this.#cancelledId;
      if (old) await this.#persist(() => removeJob(old, signal), signal);
      this.#jobId = this.#cancelledId = null;
      const key = newIdempotencyKey();
      const accepted = await this.#persist(() => this.#upload(key, signal), signal);
      this.#jobId = accepted.job_id;
      this.#hear({ status: "processing", stage: "queued", progress: 0, eta_seconds: accepted.eta_seconds });
      const follower = new Follower(this.#jobId, (status) => this.#hear(status), signal);
      await this.#persist(() => follower.run(), signal);
    });
  }

  /** Cancel what runs, and begin anew with other options. */
  restart(options, limits) {
    return this.start(options, limits, this.#jobId);
  }

  /** Stop what is going on, here and on the service. */
  async cancel() {
    const signal = this.#anew();
    if (this.state === "fetching") {
      this.#set({ state: "completed", trouble: null });
      return;
    }
    const jobId = (this.#cancelledId = this.#jobId);
    this.#set({ state: "ready", note: "Cancelled.", trouble: null });
    if (jobId === null) return;
    await persist(() => removeJob(jobId, signal), () => {}, signal).then(
      () => (this.#cancelledId = null),
      () => {}, // it is tried again before the next start
    );
  }

  /** Fetch the result, then delete it on the service. */
  async fetch() {
    const signal = this.#anew();
    this.#set({ state: "fetching", share: 0, note: "" });
    await this.#attempt(signal, async () => {
      const progress = (share) => this.#set({ share });
      const { blob, name, sha256 } = await this.#persist(() => fetchResult(this.#jobId, progress, signal), signal);
      this.#set({ state: "held", result: { url: URL.createObjectURL(blob), name, sha256, bytes: blob.size } });
      await persist(() => removeJob(this.#jobId, signal), () => {}, signal);
      this.#set({ isDeleted: true });
    });
  }

  /** Note that the user has the result. */
  markSaved() {
    this.#set({ isSaved: true });
  }

  /** Ask whether a result whose time has run out is really gone. */
  async lookWhetherExpired() {
    if (this.state !== "completed" || this.#isLooking || Date.parse(this.status.expires_at) > serviceNow()) return;
    this.#isLooking = true;
    await askStatus(this.#jobId).then(
      (status) => this.state === "completed" && this.#hear(status),
      (error) => error.code === "job_not_found" && this.#fail({ sentence: GONE.expired, code: "expired" }),
    );
    this.#isLooking = false;
  }

  /** Let go of everything, on the service too. */
  close() {
    const isThere = ["processing", "completed", "fetching"].includes(this.state);
    const signal = this.#anew();
    URL.revokeObjectURL(this.url);
    if (this.result) URL.revokeObjectURL(this.result.url);
    if (isThere && this.#jobId) persist(() => removeJob(this.#jobId, signal), () => {}, signal).catch(() => {});
  }

  async #upload(key, signal) {
    return uploads.during(async () => {
      this.#set({ state: "uploading", share: 0 });
      return upload(this.file, this.options, key, (share) => this.#set({ share }), signal);
    }, signal);
  }

  /** Take in a status document. */
  #hear(status) {
    this.#heardAt = Date.now();
    if (status.status === "failed") {
      this.#fail({ sentence: sentenceCase(status.error), code: status.error_code });
    } else if (status.status === "completed" && status.download_url === undefined) {
      this.#fail({ sentence: GONE[status.result], code: status.result });
    } else {
      this.#set({ status, trouble: null, state: status.status });
    }
  }

  #persist(call, signal) {
    return persist(call, (trouble) => this.#set({ trouble }), signal);
  }

  async #attempt(signal, steps) {
    try {
      await steps();
    } catch (error) {
      if (signal.aborted) return; // by a step that the user took, which has said what is now
      if (this.state === "held") return; // it expires on the service by itself
      const canBeFetched = this.state === "fetching" && !FINAL.includes(error.code);
      if (canBeFetched) this.#set({ state: "completed", note: error.message, trouble: null });
      else this.#fail({ sentence: error.message, code: error.code, instance: error.instance });
    }
  }

  #fail({ sentence, code = "", instance = "", hint = hintFor(code), isLocal = false }) {
    this.#set({ state: "failed", trouble: null, problem: { sentence, code, hint, instance, isLocal } });
  }

  /** Whether there is something against the picture before it is sent. */
  #object(limits) {
    const found = objection(this.file, this.picture, this.options, limits);
    if (found) this.#fail({ code: "", hint: "", ...found, isLocal: true });
    return found !== null;
  }

  /** A signal for the next steps; those before it end. */
  #anew() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  #set(fields) {
    Object.assign(this, fields);
    this.dispatchEvent(new Event("change"));
  }
}
