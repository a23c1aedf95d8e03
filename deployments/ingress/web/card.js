/** How one job is shown: a card of the list. */

import { serviceNow } from "./api.js";
import { Compare } from "./compare.js";
import { resultFormat } from "./picture.js";
import { bytesInWords, durationInWords, lineOf } from "./words.js";

const SLOW_S = 120;
const MUCH_FASTER = 2;
const ANNOUNCED_STEP = 25;
const SHOWN = {
  ready: ["remove"],
  waiting: ["cancel"],
  uploading: ["cancel"],
  processing: ["cancel"],
  completed: ["fetch", "remove"],
  fetching: ["cancel"],
  held: ["save", "remove"],
  failed: ["again", "remove"],
};

export class Card {
  #job;
  #context;
  #compare;
  #said = "";

  /** `context` has what the page knows: models(), options(), limits(), confirm(), announce(), onRemoved(). */
  constructor(job, context) {
    this.#job = job;
    this.#context = context;
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.#compare = new Compare(this.#part("compare"));
    this.#part("thumb").src = job.url;
    this.#part("thumb").addEventListener("error", (event) => event.target.removeAttribute("src"));
    this.#part("name").textContent = job.name;
    this.#name();
    for (const button of this.element.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => this.#act(button.dataset.action));
    }
    job.addEventListener("change", () => this.render());
    this.render();
  }

  get job() {
    return this.#job;
  }

  focus() {
    this.element.firstElementChild.focus();
  }

  /** Show how the job stands. Called by every change, and by every second. */
  render() {
    const job = this.#job;
    const article = this.element.firstElementChild;
    const hadFocus = article.contains(document.activeElement) && document.activeElement !== article;
    article.dataset.state = job.trouble ? "trouble" : job.state;
    this.#write("facts", factsOf(job));
    this.#write("line", lineOf(job, serviceNow()));
    this.#tell("hint", hintOf(job));
    this.#progress();
    this.#offer();
    this.#actions();
    if (job.state === "held") this.#compare.show(job.url, job.result.url, job.status.output, job.name);
    if (hadFocus && document.activeElement.getClientRects().length === 0) this.focus();
    this.#announce();
  }

  #part(name) {
    return this.element.querySelector(`[data-part="${name}"]`);
  }

  /** Say something else; what is the same stays as it is, so that it can be selected. */
  #write(part, text) {
    if (this.#part(part).textContent !== text) this.#part(part).textContent = text;
  }

  #tell(part, text) {
    this.#write(part, text);
    this.#part(part).hidden = !text;
  }

  /** Say to which picture each control belongs, where it is heard and not seen. */
  #name() {
    for (const control of this.element.querySelectorAll("[data-labelled]")) {
      control.setAttribute("aria-label", `${control.dataset.labelled}: ${this.#job.name}`);
    }
  }

  #progress() {
    const job = this.#job;
    const bar = this.#part("progress");
    bar.hidden = !job.isRunning || job.trouble !== null;
    const share = job.state === "processing" ? job.status.progress : 100 * job.share;
    const isUnknown = job.state === "waiting" || (job.state === "processing" && job.status.stage === "queued");
    if (isUnknown) bar.removeAttribute("value");
    else bar.value = share;
  }

  #actions() {
    const job = this.#job;
    const shown = SHOWN[job.state].filter((action) => action !== "again" || !job.problem.isLocal);
    for (const button of this.element.querySelectorAll(".actions [data-action]")) {
      button.hidden = !shown.includes(button.dataset.action);
    }
    if (job.result) {
      this.#part("save").href = job.result.url;
      this.#part("save").download = job.result.name;
      this.#write("save", job.isSaved ? "Save again" : "Save");
      this.#part("save").setAttribute("aria-label", `${job.isSaved ? "Save again" : "Save"}: ${job.result.name}`);
    }
  }

  /** Offer a fast model to a job that will take long with a slow one. */
  #offer() {
    const fast = this.#fasterModel();
    this.#part("offer").hidden = fast === null;
    if (fast === null) return;
    const takes = durationInWords(this.#job.etaSeconds());
    const kind = fast.model.description.split(/[,.;]/)[0].toLowerCase();
    const words = `${fast.model.name} is about ${Math.round(fast.times)} times as fast; it is made for ${kind}.`;
    this.#write("offer-words", `This takes about ${takes} here. ${words}`);
  }

  #fasterModel() {
    const job = this.#job;
    if (job.state !== "processing" || !(job.etaSeconds() > SLOW_S)) return null;
    const models = this.#context.models();
    const model = models.reduce((best, found) => (found.mflop_per_px < best.mflop_per_px ? found : best), models[0]);
    const own = models.find(({ name }) => name === job.options.model);
    const times = own.mflop_per_px / model.mflop_per_px;
    return times >= MUCH_FASTER ? { model, times } : null;
  }

  async #act(action) {
    const job = this.#job;
    if (action === "cancel") await job.cancel();
    if (action === "fetch") await job.fetch();
    if (action === "again") await job.start(this.#context.options(), this.#context.limits());
    if (action === "save") job.markSaved();
    if (action === "faster") {
      await job.restart({ ...job.options, model: this.#fasterModel().model.name }, this.#context.limits());
    }
    if (action === "remove") await this.#remove();
  }

  async #remove() {
    if (this.#job.isAtStake && !(await this.#context.confirm(this.#job.name))) return;
    this.#job.close();
    this.#context.onRemoved(this);
  }

  /** Let screen readers hear of every step, and of progress now and then. */
  #announce() {
    const { state, trouble, status, name } = this.#job;
    const quarter = state === "processing" ? Math.floor(status.progress / ANNOUNCED_STEP) : "";
    const now = `${state} ${status?.stage ?? ""} ${quarter} ${trouble?.code ?? ""}`;
    if (now === this.#said) return;
    this.#said = now;
    if (state !== "ready" || this.#job.note) this.#context.announce(`${name}: ${this.#part("line").textContent}`);
  }
}

/** What is known of the picture and of its result, in one line. */
function factsOf(job) {
  const { width, height, format } = job.picture;
  const { scale, model } = job.options;
  const made = job.status?.output ?? (width ? { width: width * scale, height: height * scale } : null);
  const sizes = made ? [`${width} × ${height} → ${made.width} × ${made.height}`] : [bytesInWords(job.file.size)];
  const kind = made?.format ?? resultFormat(job.picture, job.options);
  const words = [...sizes, kind?.toUpperCase(), format && model];
  if (job.status?.file_size_bytes) words.push(bytesInWords(job.status.file_size_bytes));
  return words.filter(Boolean).join(" · ");
}

function hintOf(job) {
  if (job.state === "failed") {
    const reference = job.problem.code === "internal" && job.problem.instance;
    return [job.problem.hint, reference ? `Its number in the log is ${reference}.` : ""].join(" ").trim();
  }
  if (job.status?.output?.alpha) return "Transparency was put on white, since a JPEG has none.";
  return "";
}
