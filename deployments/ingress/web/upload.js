/** A submission. By XMLHttpRequest, since fetch does not tell how much of a body has been sent. */

import { address, authorization, noteClock, refusalOf, Refusal, Unreachable } from "./api.js";
import { anotherKey, presentKey } from "./key.js";

const UNREADABLE = "The file can no longer be read: it was moved, changed or removed after you chose it.";

/**
 * Submit a file; the 202's document. `onProgress` hears the share that has been sent, 0 to 1.
 * Raises Refusal, Unreachable.
 */
export async function upload(file, fields, idempotencyKey, onProgress, signal) {
  for (;;) {
    const key = presentKey();
    try {
      return await sent(file, fields, idempotencyKey, onProgress, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Unreachable) await mustBeReadable(file);
      if (error.code !== "unauthorized") throw error;
      await anotherKey(key, signal);
    }
  }
}

/** A name for a submission, so that one whose answer was lost can be repeated. Works without https too. */
export function newIdempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sent(file, fields, idempotencyKey, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", address("api/v1/upscale"));
    const headers = { ...authorization(), "Idempotency-Key": idempotencyKey };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("load", () => settle(request, resolve, reject));
    request.addEventListener("error", () => reject(new Unreachable()));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    request.send(formOf(file, fields));
  });
}

function settle(request, resolve, reject) {
  const headers = { get: (name) => request.getResponseHeader(name) };
  noteClock(headers.get("Date"));
  if (request.status === 202) resolve(JSON.parse(request.responseText));
  else reject(refusalOf(request.status, request.responseText, headers));
}

function formOf(file, fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("image", file, file.name);
  return form;
}

/** A file that has changed on the disk looks like a lost network. Raises Refusal. */
async function mustBeReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refusal(UNREADABLE, { code: "unreadable_file" });
  }
}
