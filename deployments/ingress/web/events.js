/** Server-sent events (WHATWG HTML, section 9.2) from a fetched body: EventSource cannot send a key. */

/** The data of each event, and null for a comment, by which the stream shows that it lives. */
export async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      for (const block of blocks) yield dataOf(block);
    }
  } finally {
    reader.cancel().catch(() => {}); // of a stream that has broken off there is nothing to cancel
  }
}

function dataOf(block) {
  const lines = block.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.length > 0 ? lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n") : null;
}
