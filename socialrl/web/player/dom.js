// Elements, and canvases that are as fine as the screen. Text is set as text; nothing is ever parsed as markup.

/** @typedef {CanvasRenderingContext2D} Pen */

/** A new element. @template {keyof HTMLElementTagNameMap} K @param {K} name @param {string} [kind] its class
 * @param {string} [text] @param {Record<string, string>} [attributes] @returns {HTMLElementTagNameMap[K]} */
export function make(name, kind = "", text = "", attributes = {}) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
/** An element with these at its end. @template {Element} E @param {E} element @param {...(Node|string)} children @returns {E} */
export function within(element, ...children) {
  element.append(...children);
  return element;
}
/** Sets a text, if it is another. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
/** A button with a drawing. @param {string} label @param {string} path of the drawing, 24 x 24 @param {() => void} act */
export function button(label, path, act) {
  const made = make("button", "srl-button", "", { type: "button", "aria-label": label, title: label });
  const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const drawn = document.createElementNS(space, "path");
  drawn.setAttribute("d", path);
  within(made, within(svg, drawn));
  made.addEventListener("click", act);
  return made;
}
/** A canvas with a drawing. @param {number} width @param {number} height @param {(pen: Pen) => void} draw */
export function drawing(width, height, draw) {
  const canvas = Object.assign(make("canvas"), { width: Math.max(1, width), height: Math.max(1, height) });
  const pen = canvas.getContext("2d");
  if (pen) draw(pen);
  return canvas;
}
/** Draws around (0, 0) in the middle of a square canvas, unless this is there. @param {HTMLCanvasElement} canvas @param {string} key
 * @param {number} size pixels of the canvas @param {number} cell pixels of a length @param {(pen: Pen) => void} draw */
export function redraw(canvas, key, size, cell, draw) {
  const pen = canvas.getContext("2d");
  if (!pen || canvas.dataset.key === key) return;
  canvas.dataset.key = key;
  canvas.width = canvas.height = size;
  pen.setTransform(cell, 0, 0, cell, size / 2, size / 2);
  draw(pen);
}

/** A canvas of the size of its box, in pixels of the screen. Without canvases its pen is null. */
export class Surface {
  /** @param {string} label for those who do not see it @param {string} [kind] its class */
  constructor(label, kind = "") {
    this.canvas = make("canvas", kind, "", label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" });
    this.pen = this.canvas.getContext("2d");
    this.width = this.height = 0;
    this.ratio = 1; // pixels per length of the page
    this.unit = 1; // pixels of a length of the window's design: a text of 15 is as large as the page's
    this.key = ""; // of what is drawn
    this.still = /** @type {HTMLCanvasElement|null} */ (null); // what stays the same for many frames
    this.stillKey = "";
  }
  /** Takes the size of its box. */
  measure() {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3), box = this.canvas.getBoundingClientRect();
    this.ratio = ratio;
    this.width = Math.max(1, Math.round(box.width * ratio));
    this.height = Math.max(1, Math.round(box.height * ratio));
    this.unit = (parseFloat(getComputedStyle(this.canvas).fontSize) / 15) * ratio || 1;
    if (this.canvas.width !== this.width) this.canvas.width = this.width;
    if (this.canvas.height !== this.height) this.canvas.height = this.height;
    this.key = this.stillKey = "";
  }
  /** Draws if the key is another than the last. @param {string} key @param {(pen: Pen) => void} draw */
  show(key, draw) {
    if (!this.pen || this.width < 2 || key === this.key) return;
    this.key = key;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.clearRect(0, 0, this.width, this.height);
    draw(this.pen);
  }
  /** Draws what stays the same for many frames. @param {Pen} pen @param {string} key @param {(pen: Pen) => void} draw */
  under(pen, key, draw) {
    if (!this.still || this.stillKey !== key) this.still = drawing(this.width, this.height, draw);
    this.stillKey = key;
    pen.drawImage(this.still, 0, 0);
  }
  /** Writes one line. @param {Pen} pen @param {string} text @param {number} x @param {number} y @param {number} size
   * @param {string} style @param {CanvasTextAlign} [align] @param {string} [weight] */
  write(pen, text, x, y, size, style, align = "left", weight = "400") {
    pen.font = `${weight} ${size * this.unit}px system-ui, sans-serif`;
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.fillStyle = style;
    pen.fillText(text, x, y);
  }
}
