// Key numbers with their change and a small line, each changed in place.

import { follow } from "./channel.js";
import { make, say } from "./dom.js";
import { css } from "./numbers.css.js";

const SVG = "http://www.w3.org/2000/svg";
const panels = new WeakMap();

/** Mount or update the numbers of one panel; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new Numbers(parentElement)));
  panel.update(component.data);
  return () => {
    panel.unfollow();
    panels.delete(parentElement);
  };
}

class Numbers {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "numbers";
    this.list = make("div", "numbers");
    this.root.append(this.list);
    parent.append(make("style", "", css), this.root);
    this.cards = new Map();
  }

  update(data) {
    if (data.options?.label) {
      this.list.setAttribute("role", "group");
      this.list.setAttribute("aria-label", data.options.label);
    }
    this.unfollow = follow(this.root, data, (value) => this.paint(value));
  }

  paint({ numbers }) {
    const keys = new Set(numbers.map(({ key }) => key));
    for (const [key, card] of this.cards) {
      if (keys.has(key)) continue;
      card.root.remove();
      this.cards.delete(key);
    }
    numbers.forEach((number, index) => {
      let card = this.cards.get(number.key);
      if (!card) this.cards.set(number.key, (card = makeCard(number.key)));
      if (this.list.children[index] !== card.root) this.list.insertBefore(card.root, this.list.children[index] ?? null);
      fill(card, number);
    });
  }
}

function makeCard(key) {
  const root = make("div", "number");
  root.dataset.key = key;
  root.setAttribute("role", "group");
  const card = {
    root,
    label: make("div", "label"),
    value: make("div", "value"),
    delta: make("div", "delta"),
    spark: makeSpark(),
  };
  card.arrow = make("span");
  card.arrow.setAttribute("aria-hidden", "true");
  card.word = make("span", "unseen");
  card.text = make("span");
  card.delta.append(card.arrow, card.word, card.text);
  root.append(card.label, card.value, card.delta, card.spark);
  return card;
}

function fill(card, { label, text, value, delta, deltaText, tone, spark, help }) {
  card.root.className = `number ${tone ?? ""}`;
  card.root.setAttribute("aria-label", label);
  if (help) card.root.title = help;
  say(card.label, label);
  say(card.value, text ?? String(value ?? "–"));
  // The arrow says the direction to the eye, the hidden word to the ear; the colour only says whether that is good.
  const direction = delta > 0 ? ["▲ ", "up "] : delta < 0 ? ["▼ ", "down "] : ["", ""];
  say(card.arrow, direction[0]);
  say(card.word, direction[1]);
  say(card.text, deltaText ?? "");
  drawSpark(card.spark, spark ?? []);
}

function makeSpark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const name of ["area", "line"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}

function drawSpark(svg, counts) {
  const key = counts.join();
  if (svg.drawn === key) return;
  svg.drawn = key;
  svg.style.visibility = counts.length > 1 ? "" : "hidden";
  if (counts.length < 2) return;
  const low = Math.min(0, ...counts);
  const high = Math.max(low + 1, ...counts);
  const step = 100 / (counts.length - 1);
  const points = counts.map(
    (count, index) => `${(index * step).toFixed(2)},${(29 - ((count - low) / (high - low)) * 27).toFixed(2)}`,
  );
  svg.children[0].setAttribute("d", `M0,30L${points.join("L")}L100,30Z`);
  svg.children[1].setAttribute("d", `M${points.join("L")}`);
}
