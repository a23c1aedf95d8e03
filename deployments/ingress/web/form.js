/** Choosing: pictures, by dropping, pasting or a dialog; and what is made of them. */

/** Call `take` with the pictures that are dropped anywhere, pasted, or chosen. */
export function installPicker(drop, chooser, take) {
  chooser.addEventListener("change", () => {
    take([...chooser.files]);
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
  let depth = 0; // of elements that are entered and not yet left
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    drop.classList.toggle("is-over", depth > 0);
  };
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => carriesFiles(event) && mark(1));
  document.addEventListener("dragleave", (event) => carriesFiles(event) && mark(-1));
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(0);
    take([...event.dataTransfer.files]);
  });
}

/** The form of options. */
export class Options {
  #form;
  #models = [];

  /** `onChange` is called whenever something else is chosen. */
  constructor(form, onChange) {
    this.#form = form;
    const more = form.querySelector("details");
    form.addEventListener("invalid", () => more.setAttribute("open", ""), true); // what is wrong must be in sight
    form.addEventListener("change", (event) => {
      if (event.target.type === "file") return;
      this.#describe();
      onChange();
    });
  }

  get models() {
    return this.#models;
  }

  /** Offer the models of the service, its default first chosen. */
  offer(models) {
    this.#models = models;
    const select = this.#form.elements.model;
    select.replaceChildren(...models.map(({ name, default: isDefault }) => new Option(name, name, isDefault, isDefault)));
    select.disabled = false;
    this.#describe();
  }

  /** What is asked for, as fields of a submission. */
  read() {
    const { scale, model, format, quality, metadata } = this.#form.elements;
    const fields = { scale: Number(scale.value), model: model.value };
    if (format.value) fields.format = format.value;
    if (quality.value && quality.checkValidity()) fields.quality = quality.value;
    if (metadata.checked) fields.metadata = "keep";
    return fields;
  }

  #describe() {
    const chosen = this.#models.find(({ name }) => name === this.#form.elements.model.value);
    this.#form.querySelector("#model-words").textContent = chosen?.description ?? "";
  }
}
