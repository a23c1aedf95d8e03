/** Before and after, one over the other: a divider, and a lens that shows both at 100 %. No canvas: it has a size limit. */

const LENS_GAP_PX = 12;
const LENS_FRAME_PX = 6;
const LEAST_PANE_PX = 128;
const MOST_PANE_PX = 240;
const LEAST_STAGE_PX = 280;
const TOO_LARGE = "This browser cannot show a picture of this size. Save it, and open it in a picture program.";

export class Compare {
  #root;
  #before;
  #after;
  #spot = { x: 0.5, y: 0.5 };

  /** `root` is the figure in the page; `names` are what the two pictures are called. */
  constructor(root) {
    this.#root = root;
    this.#part("divider").addEventListener("input", () => this.#divide());
    this.#part("lens-on").addEventListener("change", () => this.#switchLens());
    for (const axis of ["x", "y"]) {
      this.#part(`lens-${axis}`).addEventListener("input", (event) => this.#look({ [axis]: event.target.value / 100 }));
    }
    for (const kind of ["pointermove", "pointerdown"]) {
      this.#part("stage").addEventListener(kind, (event) => this.#point(event));
    }
    new ResizeObserver(() => this.#look({})).observe(this.#part("stage"));
  }

  /** Show two pictures, by their addresses. `size` is that of the result. */
  show(before, after, size, name) {
    if (this.#after === after) return;
    [this.#before, this.#after] = [before, after];
    const stage = this.#part("stage");
    stage.style.setProperty("--ratio", size.width / size.height);
    stage.style.setProperty("--most", `${Math.max(size.width / devicePixelRatio, LEAST_STAGE_PX)}px`);
    this.#picture("before", before, `${name}, before`);
    this.#picture("after", after, `${name}, after`).addEventListener("error", () => this.#refuse());
    this.#root.hidden = false;
    this.#divide();
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  #picture(name, address, words) {
    const image = this.#part(name);
    image.src = address;
    image.alt = words;
    return image;
  }

  #refuse() {
    this.#part("stage").hidden = true;
    this.#part("lens-controls").hidden = true;
    this.#part("caption").textContent = TOO_LARGE;
  }

  #divide() {
    const divider = this.#part("divider");
    const share = Number(divider.value);
    this.#part("stage").style.setProperty("--divider", `${share}%`);
    divider.setAttribute("aria-valuetext", `${Math.round(share)} % of the width shows the picture before`);
  }

  #switchLens() {
    const isOn = this.#part("lens-on").checked;
    this.#part("lens-places").hidden = !isOn;
    this.#part("lens").hidden = !isOn;
    this.#part("spot").hidden = !isOn;
    this.#part("stage").classList.toggle("has-lens", isOn);
    if (!isOn) return;
    this.#part("lens-before").src = this.#before;
    this.#part("lens-after").src = this.#after;
    this.#look({});
  }

  #point(event) {
    if (!this.#part("lens-on").checked) return;
    const stage = this.#part("stage").getBoundingClientRect();
    const within = (share) => Math.min(1, Math.max(0, share));
    this.#look({
      x: within((event.clientX - stage.left) / stage.width),
      y: within((event.clientY - stage.top) / stage.height),
    });
  }

  /** Let the lens show a place, in shares of the picture. */
  #look(place) {
    Object.assign(this.#spot, place);
    if (!this.#part("lens-on").checked) return;
    for (const axis of ["x", "y"]) this.#part(`lens-${axis}`).value = 100 * this.#spot[axis];
    const after = this.#part("after");
    const width = after.naturalWidth / devicePixelRatio; // 100 %: one pixel of the result on one of the screen
    const height = after.naturalHeight / devicePixelRatio;
    const pane = this.#part("lens-after").parentElement;
    this.#part("lens").style.setProperty("--pane", `${this.#paneSize(height)}px`);
    for (const name of ["lens-before", "lens-after"]) {
      const image = this.#part(name);
      const left = offset(pane.clientWidth, width, this.#spot.x);
      const top = offset(pane.clientHeight, height, this.#spot.y);
      Object.assign(image.style, { width: `${width}px`, height: `${height}px`, left: `${left}px`, top: `${top}px` });
    }
    this.#place(pane, width, height);
  }

  /** As large as can be above or below its place, wherever that is; on a small screen it covers some of it. */
  #paneSize(height) {
    const stage = this.#part("stage");
    const beside = (stage.clientHeight / 2 - LENS_GAP_PX - LENS_FRAME_PX) / (1 + stage.clientHeight / (2 * height));
    const widest = (stage.clientWidth - LENS_FRAME_PX) / 2;
    return Math.floor(Math.min(widest, MOST_PANE_PX, Math.max(LEAST_PANE_PX, beside)));
  }

  /** Put the lens where it does not hide what it shows, and a frame around that. */
  #place(pane, width, height) {
    const stage = this.#part("stage");
    const lens = this.#part("lens");
    const [x, y] = [this.#spot.x * stage.clientWidth, this.#spot.y * stage.clientHeight];
    const shown = {
      width: Math.min(1, pane.clientWidth / width) * stage.clientWidth,
      height: Math.min(1, pane.clientHeight / height) * stage.clientHeight,
    };
    const top = edge(y, shown.height, stage.clientHeight);
    const [above, below] = [top - LENS_GAP_PX - lens.offsetHeight, top + shown.height + LENS_GAP_PX];
    const lowest = stage.clientHeight - lens.offsetHeight;
    const farthest = y > stage.clientHeight / 2 ? 0 : lowest;
    const lensTop = [above, below].find((place) => place >= 0 && place <= lowest) ?? farthest;
    Object.assign(lens.style, { left: `${edge(x, lens.offsetWidth, stage.clientWidth)}px`, top: `${lensTop}px` });
    Object.assign(this.#part("spot").style, {
      width: `${shown.width}px`,
      height: `${shown.height}px`,
      left: `${edge(x, shown.width, stage.clientWidth)}px`,
      top: `${top}px`,
    });
  }
}

/** Where a picture begins in a window of a size, so that `share` of it is in the middle and no edge is inside. */
function offset(window, picture, share) {
  if (picture <= window) return (window - picture) / 2;
  return Math.min(0, Math.max(window - picture, window / 2 - share * picture));
}

function edge(middle, size, whole) {
  return Math.min(whole - size, Math.max(0, middle - size / 2));
}
