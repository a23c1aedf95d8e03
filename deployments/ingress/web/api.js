/** Requests to the service: the one place that knows addresses, keys, and how a refusal is told. */

import { anotherKey, presentKey } from "./key.js";

const STARTING = "The service is starting, or is being updated.";
const STARTING_RETRY_S = 3;
let clockIsAheadMs = 0;

/** The service has answered "no". `message` is its sentence. */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "", instance = "", retryAfterS = null } = {}) {
    super(message);
    Object.assign(this, { status, code, instance, retryAfterS });
  }
}

/** The service has not answered. */
export class Unreachable extends Error {
  constructor() {
    super("The service cannot be reached.");
  }
}

/** Milliseconds since 1970 by the service's clock, which its times of expiry go by. */
export function serviceNow() {
  return Date.now() + clockIsAheadMs;
}

export function address(path) {
  return new URL(path, document.baseURI).href;
}

export function authorization() {
  const key = presentKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Note what an answer says of the service's clock. `date`: its header, or null. */
export function noteClock(date) {
  const at = Date.parse(date ?? "");
  if (!Number.isNaN(at)) clockIsAheadMs = at + 500 - Date.now(); // the header has whole seconds
}

/** The error for an answer that is none of success: ours, or one of the server before us. */
export function refusalOf(status, text, headers) {
  const retryAfterS = Number.parseInt(headers.get("Retry-After") ?? "", 10) || null;
  try {
    const { error, code, instance } = JSON.parse(text);
    if (error && code) return new Refusal(error, { status, code, instance, retryAfterS });
  } catch {
    // Serve's own words
  }
  return new Refusal(STARTING, { status, code: "starting", retryAfterS: retryAfterS ?? STARTING_RETRY_S });
}

/** Fetch an answer that is a success. Raises Refusal, Unreachable. Where a key is needed, the user is asked for it. */
export async function ask(path, { method = "GET", headers = {}, signal } = {}) {
  for (;;) {
    const key = presentKey();
    const response = await reached(path, { method, headers: { ...headers, ...authorization() }, signal });
    noteClock(response.headers.get("Date"));
    if (response.ok) return response;
    const refusal = refusalOf(response.status, await response.text().catch(() => ""), response.headers);
    if (refusal.code !== "unauthorized") throw refusal;
    await anotherKey(key, signal);
  }
}

async function reached(path, options) {
  try {
    return await fetch(address(path), { ...options, cache: "no-store" });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof TypeError ? new Unreachable() : error;
  }
}

/** The body of a JSON answer. Raises Unreachable where it breaks off. */
async function document_(path, options) {
  const response = await ask(path, options);
  try {
    return await response.json();
  } catch {
    options?.signal?.throwIfAborted();
    throw new Unreachable();
  }
}

export async function models(signal) {
  return (await document_("api/v1/models", { signal })).models;
}

export function limits(signal) {
  return document_("api/v1/limits", { signal });
}

/** A job's status, when it has ended or after `waitS` seconds. */
export function status(jobId, waitS, signal) {
  return document_(`api/v1/status/${jobId}${waitS ? `?wait=${waitS}` : ""}`, { signal });
}

/** Cancel a job, or delete its result. One that is not known is gone already. */
export async function remove(jobId, signal) {
  try {
    await document_(`api/v1/status/${jobId}`, { method: "DELETE", signal });
  } catch (error) {
    if (error.code !== "job_not_found") throw error;
  }
}
