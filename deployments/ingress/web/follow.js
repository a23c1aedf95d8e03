/**
 * A job's way to its end: by events, and by asking where events do not come through.
 *
 * A browser opens six connections to a server. Two of them are for streams of events, two for uploads; the jobs that
 * get no stream are asked about in turn.
 */

import { ask, status, Unreachable } from "./api.js";
import { eventsOf } from "./events.js";
import { pause, Slots } from "./patience.js";

const SILENCE_MS = 40_000; // of a stream that has a comment every 15 s
const WAIT_S = 5;
const LOOK_MS = 3000;
const MOST_CUT_OFF = 2;
const streams = new Slots(2);

export class Follower {
  #jobId;
  #show;
  #signal;
  #cutOff = 0;

  /** `show` is called with every status document. */
  constructor(jobId, show, signal) {
    this.#jobId = jobId;
    this.#show = show;
    this.#signal = signal;
  }

  /** Until the job has ended. May be called again after an error. Raises Refusal, Unreachable. */
  async run() {
    let last = await this.#asked(0);
    while (last.status === "processing") {
      const leave = streams.tryTake();
      if (leave === null) {
        await pause(LOOK_MS, this.#signal);
        last = await this.#asked(0);
        continue;
      }
      try {
        last = this.#cutOff < MOST_CUT_OFF ? await this.#streamed(last) : await this.#asked(WAIT_S);
      } finally {
        leave();
      }
    }
  }

  async #asked(waitS) {
    const document = await status(this.#jobId, waitS, this.#signal);
    this.#show(document);
    return document;
  }

  /** The last status of one stream. One that breaks off early counts against streams as such. */
  async #streamed(last) {
    let shown = 0;
    const watch = new Watch(this.#signal);
    try {
      const headers = { Accept: "text/event-stream" };
      const response = await ask(`api/v1/status/${this.#jobId}`, { headers, signal: watch.signal });
      for await (const data of eventsOf(response.body)) {
        watch.hear();
        if (data === null) continue;
        last = JSON.parse(data);
        shown += 1;
        this.#show(last);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!watch.signal.aborted) throw error instanceof TypeError ? new Unreachable() : error;
    } finally {
      watch.end();
      this.#cutOff = shown > 1 ? 0 : this.#cutOff + 1;
    }
    return last;
  }
}

/** Aborts what goes on in silence, and with `outer`. */
class Watch {
  #controller = new AbortController();
  #outer;
  #timer;
  #stop = () => this.#controller.abort(this.#outer.reason);

  constructor(outer) {
    this.#outer = outer;
    outer.addEventListener("abort", this.#stop);
    this.hear();
  }

  get signal() {
    return this.#controller.signal;
  }

  hear() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), SILENCE_MS);
  }

  end() {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#stop);
  }
}
