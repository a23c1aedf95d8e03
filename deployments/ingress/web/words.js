/** How things are said to people. */

const HINTS = {
  invalid_image: "Open it in a picture program and save it anew.",
  unsupported_image_format: "Save it as PNG or JPEG first.",
  image_too_large: "Choose a smaller scale, or make the picture smaller first.",
  animated_not_supported: "Save one frame of it as PNG or JPEG.",
  body_too_slow: "The connection is slow. Try again where it is better, or save the picture smaller.",
  body_too_large: "Save it smaller, or as JPEG.",
  model_not_available: "Choose another model.",
  unknown_model: "Choose another model.",
  worker_crashed: "Try a smaller scale or another model.",
  origin_not_allowed: "Open this page at the service's own address.",
  host_not_allowed: "Open this page by the name that the operator has set up.",
  job_not_found: "The service has forgotten this job. Begin it again.",
  too_many_bytes: "Fetch results, or remove jobs that you do not need.",
  too_many_jobs: "It goes on when one of your other jobs has ended.",
};

/** What a user can do about an error, or "". */
export function hintFor(code) {
  return HINTS[code] ?? "";
}

export function bytesInWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

export function pixelsInWords(pixels) {
  return `${(pixels / 1e6).toFixed(pixels < 1e7 ? 1 : 0).replace(/\.0$/, "")} megapixels`;
}

/** About how long: "a few seconds", "40 s", "3 min", "2 h 10 min". */
export function durationInWords(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long something is kept: "15 minutes", "20 seconds". */
export function keptInWords(seconds) {
  return seconds < 120 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;
}

/** Time that runs out: "14:32". */
export function clockInWords(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function percent(share) {
  return `${Math.floor(100 * share)} %`;
}

export function sentenceCase(text) {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

/** How a job stands, in one line. `serviceNow`: milliseconds by the service's clock. */
export function lineOf(job, serviceNow) {
  if (job.trouble) return troubleLine(job.trouble);
  return LINES[job.state](job, serviceNow);
}

function troubleLine({ sentence, resumesAt }) {
  const seconds = Math.max(0, Math.ceil((resumesAt - Date.now()) / 1000));
  return seconds > 0 ? `${sentence} Trying again in ${seconds} s.` : `${sentence} Trying again…`;
}

const LINES = {
  ready: (job) => job.note || "Ready to be upscaled.",
  waiting: () => "Waits for its turn to be uploaded.",
  uploading: ({ share }) => (share < 1 ? `Uploading, ${percent(share)}` : "Uploaded. The service looks at it…"),
  processing: (job) => processingLine(job.status, job.etaSeconds()),
  completed: (job, now) => {
    const left = clockInWords(Date.parse(job.status.expires_at) - now);
    return `${job.note || "Done."} The service keeps the result for ${left}.`;
  },
  fetching: ({ share }) => `Fetching the result, ${percent(share)}`,
  held: (job) => {
    const where = job.isDeleted ? "It is in this tab only; on the service it is deleted." : "It is in this tab.";
    return job.isSaved ? `Saved. ${where}` : `Not saved yet. ${where}`;
  },
  failed: (job) => job.problem.sentence,
};

function processingLine(status, etaSeconds) {
  const left = etaSeconds === null ? "" : `, about ${durationInWords(etaSeconds)} left`;
  if (status.stage === "running") return `Upscaling, ${status.progress} %${left}`;
  if (status.stage === "retrying") return `Waits to be tried again${left}`;
  const place = status.queue_position;
  if (!place) return `In the queue${left}`;
  return (place === 1 ? "Next in the queue" : `Number ${place} in the queue`) + left;
}
