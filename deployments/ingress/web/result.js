/** Fetch a result without consuming it, and make sure that it is the one that was sent. */

import { ask, Refusal, Unreachable } from "./api.js";
import { Slots } from "./patience.js";
import { Sha256 } from "./sha256.js";

const PIECE_BYTES = 16 << 20; // what is gathered before the browser may put it out of our memory
const DAMAGED = "What has arrived is not what was sent. It is still on the server: fetch it again.";
const downloads = new Slots(1);

/** The result as {blob, name, sha256}. `onProgress` hears the share that has arrived. Raises Refusal, Unreachable. */
export function fetchResult(jobId, onProgress, signal) {
  return downloads.during(async () => {
    const response = await ask(`api/v1/download/${jobId}?keep=1`, { signal });
    const length = Number(response.headers.get("Content-Length"));
    const { parts, bytes, sha256 } = await received(response.body, (got) => onProgress(got / length), signal);
    if (bytes < length) throw new Unreachable();
    if (sha256 !== sentDigest(response.headers)) throw new Refusal(DAMAGED, { code: "damaged" });
    const blob = new Blob(parts, { type: response.headers.get("Content-Type") });
    return { blob, name: nameIn(response.headers), sha256 };
  }, signal);
}

async function received(body, onProgress, signal) {
  const digest = new Sha256();
  const parts = [];
  let [chunks, gathered, bytes] = [[], 0, 0];
  const gather = () => {
    parts.push(new Blob(chunks));
    [chunks, gathered] = [[], 0];
  };
  try {
    for (const reader = body.getReader(); ; ) {
      const { value, done } = await reader.read();
      if (done) break;
      digest.update(value);
      chunks.push(value);
      gathered += value.length;
      bytes += value.length;
      if (gathered >= PIECE_BYTES) gather();
      onProgress(bytes);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TypeError ? new Unreachable() : error;
  }
  gather();
  return { parts, bytes, sha256: digest.hex() };
}

/** The SHA-256 that the service says of its result, in hexadecimal. */
function sentDigest(headers) {
  const digest = /sha-256=:([^:]+):/.exec(headers.get("Repr-Digest") ?? "")?.[1] ?? "";
  return Array.from(atob(digest), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

function nameIn(headers) {
  const name = /filename\*=UTF-8''([^;]+)/.exec(headers.get("Content-Disposition") ?? "")?.[1];
  return name ? decodeURIComponent(name) : "result";
}
