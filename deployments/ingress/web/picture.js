/** What can be known of a picture before it is uploaded. */

import { bytesInWords, pixelsInWords } from "./words.js";

const FORM_BYTES = 2048; // the limit is of the whole form
const LEAST_BYTES = 12;
const NAMES = { png: "PNG", jpeg: "JPEG", webp: "WEBP" };

/** {format, width, height} of a file; `format` null where it is none of ours, sizes 0 where the browser cannot tell. */
export async function inspect(file, url) {
  const head = new Uint8Array(await file.slice(0, LEAST_BYTES).arrayBuffer());
  const format = formatOf(head);
  return { format, ...(format ? await sizeOf(url) : { width: 0, height: 0 }) };
}

function formatOf(head) {
  const text = String.fromCharCode(...head);
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  return text.startsWith("RIFF") && text.slice(8) === "WEBP" ? "webp" : null;
}

function sizeOf(url) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => resolve({ width: 0, height: 0 }); // the service says what is wrong with it
    image.src = url;
  });
}

/** The format of the result, as far as it can be told. */
export function resultFormat(picture, options) {
  return options.format ?? picture.format;
}

/** Why the service would refuse a file, as {sentence, hint}; null where nothing is known against it. */
export function objection(file, picture, options, limits) {
  if (file.size === 0) return { sentence: "This file is empty." };
  if (picture.format === null) {
    return { sentence: "This is not a PNG, JPEG or WEBP picture.", hint: "Save it as PNG or JPEG first." };
  }
  if (!limits) return null;
  if (file.size + FORM_BYTES > limits.max_upload_bytes) {
    const sizes = `${bytesInWords(file.size)}, and this service takes ${bytesInWords(limits.max_upload_bytes)}`;
    return { sentence: `This file has ${sizes} at most.`, hint: "Save it smaller, or as JPEG." };
  }
  return tooManyPixels(picture, options, limits);
}

function tooManyPixels({ width, height, format }, options, limits) {
  if (width * height > limits.max_input_px) {
    const most = pixelsInWords(limits.max_input_px);
    return { sentence: `This picture has ${pixelsInWords(width * height)}, and this service takes ${most} at most.` };
  }
  const resultPx = width * height * options.scale ** 2;
  if (resultPx > limits.max_output_px) {
    const sizes = `${pixelsInWords(resultPx)}, and ${pixelsInWords(limits.max_output_px)} are the most`;
    return { sentence: `The result would have ${sizes}.`, hint: "Choose a smaller scale." };
  }
  const side = Math.max(width, height) * options.scale;
  const most = limits.max_side_px[options.format ?? "png"];
  if (side > most) {
    const name = NAMES[options.format ?? (format === "jpeg" ? "jpeg" : "png")];
    const hint = options.format === "webp" ? "Choose PNG or a smaller scale." : "Choose a smaller scale.";
    return { sentence: `A ${name} can have ${most.toLocaleString("en")} pixels a side at most.`, hint };
  }
  return null;
}
