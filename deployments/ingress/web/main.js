/** The page: a form, a list of cards, and what the service says of itself. */

import { limits as askLimits, models as askModels } from "./api.js";
import { Card } from "./card.js";
import { installPicker, Options } from "./form.js";
import { Job } from "./job.js";
import { installKeyPanel } from "./key.js";
import { persist } from "./patience.js";
import { keptInWords } from "./words.js";

const TICK_MS = 1000;
const ANNOUNCE_MS = 1500;
const PASTED = /^image\.(png|jpe?g|webp)$/;
const $ = (id) => document.getElementById(id);

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

let limits = null;
let cards = [];
const announcements = [];
const options = new Options($("form"), () => {
  for (const { job } of cards) job.choose(options.read(), limits);
});

const context = {
  models: () => options.models,
  options: () => options.read(),
  limits: () => limits,
  confirm: askBeforeRemoval,
  announce: (text) => announcements.push(text),
  onRemoved: removeCard,
};

function take(files) {
  for (const file of files) {
    const card = new Card(new Job(named(file)), context);
    cards.push(card);
    $("jobs").append(card.element);
    card.job.addEventListener("change", showCounts);
    card.job.inspect(options.read(), limits);
  }
  showCounts();
}

/** A pasted picture is called image.png by every browser. */
function named(file) {
  return PASTED.test(file.name) ? new File([file], `pasted-${cards.length + 1}.${file.name.split(".")[1]}`, file) : file;
}

function removeCard(card) {
  const at = cards.indexOf(card);
  cards = cards.filter((other) => other !== card);
  card.element.remove();
  showCounts();
  (cards[Math.min(at, cards.length - 1)] ?? { focus: () => $("files").focus() }).focus();
}

function readyCards() {
  return cards.filter(({ job }) => job.state === "ready");
}

function showCounts() {
  const ready = readyCards().length;
  const running = cards.filter(({ job }) => job.isRunning).length;
  const words = ready > 1 ? `Upscale ${ready} pictures` : "Upscale";
  if ($("start").textContent !== words) $("start").textContent = words;
  $("start").disabled = ready === 0 || limits === null;
  $("list").hidden = cards.length === 0;
  $("form").classList.toggle("has-jobs", cards.length > 0);
  $("fetch-all").hidden = cards.filter(({ job }) => job.state === "completed").length < 2;
  document.title = running > 0 ? `(${running}) Upscaler` : "Upscaler";
}

function askBeforeRemoval(name) {
  const dialog = $("confirm");
  $("confirm-words").textContent = `The result of ${name} has not been saved. Removed, it is gone for good.`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "remove"), { once: true });
  });
}

function installButtons() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const ready = readyCards();
    for (const { job } of ready) job.start(options.read(), limits);
    ready[0]?.element.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  });
  $("fetch-all").addEventListener("click", () => {
    for (const { job } of cards) if (job.state === "completed") job.fetch();
  });
  for (const button of $("confirm").querySelectorAll("button")) {
    button.addEventListener("click", () => $("confirm").close(button.value));
  }
  installKeyPanel($("key-panel"), $("key-open"));
  installPicker($("drop"), $("files"), take);
}

/** Learn what the service offers; until it answers, say so. */
async function meetService() {
  const tell = (trouble) => {
    $("banner").hidden = trouble === null;
    if (trouble) $("banner").textContent = `${trouble.sentence} Trying again…`;
  };
  try {
    const [models, found] = await persist(() => Promise.all([askModels(), askLimits()]), tell);
    limits = found;
    options.offer(models);
    $("kept").textContent = keptInWords(limits.result_ttl_seconds);
    for (const { job } of cards) job.choose(options.read(), limits);
    showCounts();
  } catch (error) {
    tell({ sentence: error.message });
    $("banner").textContent = error.message;
  }
}

function tick() {
  for (const card of cards) {
    card.render();
    card.job.lookWhetherExpired();
  }
}

window.addEventListener("beforeunload", (event) => {
  if (!cards.some(({ job }) => job.isAtStake)) return;
  event.preventDefault();
  event.returnValue = true; // for browsers that want to hear it so
});

installButtons();
meetService();
setInterval(tick, TICK_MS);
setInterval(() => {
  if (announcements.length > 0) $("announcer").textContent = announcements.splice(0).slice(-2).join(" ");
}, ANNOUNCE_MS);
