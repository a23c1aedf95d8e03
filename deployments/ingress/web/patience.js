/** Waiting: for a while, for a turn, and for a service that is away. */

import { Unreachable } from "./api.js";

const BACKOFF_S = [1, 2, 4, 8, 15];
const FORGIVEN_MS = 60_000;

/** Wait. Ends early when the network comes back. Rejects when `signal` is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = (settle) => () => {
      clearTimeout(timer);
      window.removeEventListener("online", wake);
      signal?.removeEventListener("abort", stop);
      settle();
    };
    const wake = end(resolve);
    const stop = end(() => reject(signal.reason));
    const timer = setTimeout(wake, ms);
    window.addEventListener("online", wake);
    signal?.addEventListener("abort", stop);
  });
}

/** Seconds after which a call that failed so is worth another try; null where it is not. */
function retryAfterS(error, failures) {
  if (error instanceof Unreachable) return BACKOFF_S[Math.min(failures, BACKOFF_S.length - 1)];
  return error.retryAfterS ?? null;
}

/**
 * Call until it succeeds, or fails for good. `tell` hears of every failure that passes, as {sentence, code, resumesAt},
 * and of null when the call is made again.
 */
export async function persist(call, tell, signal) {
  let failures = 0;
  let failedAt = 0;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (Date.now() - failedAt > FORGIVEN_MS) failures = 0;
      const waitS = retryAfterS(error, failures);
      if (waitS === null) throw error;
      failures += 1;
      failedAt = Date.now();
      tell({ sentence: error.message, code: error.code ?? "unreachable", resumesAt: failedAt + waitS * 1000 });
      await pause(waitS * 1000, signal);
      tell(null);
    }
  }
}

/** How many may do something at once; the others wait in order. */
export class Slots {
  #free;
  #queue = [];

  constructor(most) {
    this.#free = most;
  }

  /** A function to call when done, or null where all are taken. */
  tryTake() {
    if (this.#free === 0) return null;
    this.#free -= 1;
    return () => this.#giveBack();
  }

  /** Do `work` when it is its turn. */
  async during(work, signal) {
    if (this.#free === 0) await this.#turn(signal);
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      this.#giveBack();
    }
  }

  #turn(signal) {
    return new Promise((resolve, reject) => {
      this.#queue.push(resolve);
      signal?.addEventListener("abort", () => {
        const at = this.#queue.indexOf(resolve);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(signal.reason);
      });
    });
  }

  #giveBack() {
    const next = this.#queue.shift();
    if (next) next();
    else this.#free += 1;
  }
}
