/** The API key: kept in memory, and in this tab's storage only if the user wants it. */

const NAME = "upscaler-key";
const waiting = new Set();
let current = stored();
let panel = null;

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

function store(key) {
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    // it stays in memory, which is all that was promised
  }
}

/** The key as it is sent, or "". */
export function presentKey() {
  return current;
}

/** Wait for another key than the one that was refused. Rejects when `signal` is aborted. */
export function anotherKey(refused, signal) {
  if (refused !== current) return Promise.resolve();
  panel?.show(refused ? "The service has refused this key." : "This service asks for a key.");
  return new Promise((resolve, reject) => {
    waiting.add(resolve);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function take(key, isKept) {
  current = key;
  store(isKept ? key : "");
  for (const goOn of waiting) goOn();
  waiting.clear();
}

/** Let the form in the page ask for the key, and the button `opener` show that form. */
export function installKeyPanel(section, opener) {
  const [form, field, keep] = ["form", "#key", "#keep-key"].map((name) => section.querySelector(name));
  const [sentence, closer] = ["#key-sentence", "#key-close"].map((name) => section.querySelector(name));
  keep.checked = current !== "";
  panel = {
    show(text) {
      sentence.textContent = text;
      if (!section.hidden) return;
      section.hidden = false;
      section.scrollIntoView({ block: "nearest" });
      field.focus();
    },
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    section.hidden = true;
    take(field.value.trim(), keep.checked);
    field.value = "";
    opener.focus();
  });
  opener.addEventListener("click", () => panel.show("With a key, the limits of that key hold for you."));
  closer.addEventListener("click", () => {
    section.hidden = true;
    opener.focus();
  });
}
