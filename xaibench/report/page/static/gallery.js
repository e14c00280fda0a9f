// The gallery: a card an image, a tile an explainer; cards are made some at a time, maps drawn when seen.

const AT_ONCE = 12;
const SVG = "http://www.w3.org/2000/svg";
const controls = document.getElementById("gallery-controls");
const cards = document.getElementById("cards");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children); // strings become text, never markup
  return made;
}

function vector(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function score(image, explainer, metric) {
  return image.s[explainer]?.[metric] ?? null;
}

function said(value, metric) {
  if (value === null) return "not asked";
  if (typeof value === "string") return value;
  if (metric.binary) return value ? "hit" : "miss";
  return value.toFixed(3);
}

const isControl = new Set();
for (const row of document.querySelectorAll("table.board tr.control th")) isControl.add(row.dataset.value);

// The boxes and, of a map, its peak, in pixels of the image.
function marks(image, peak) {
  const svg = vector("svg", { viewBox: `0 0 ${image.w} ${image.h}`, "aria-hidden": "true" });
  for (const [x0, y0, x1, y1] of image.x) {
    svg.append(vector("rect", { class: "box", x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
  }
  if (peak) {
    const radius = Math.max(image.w, image.h) / 38;
    svg.append(vector("circle", { class: "peak", cx: peak[0] * image.w, cy: peak[1] * image.h, r: radius }));
  }
  return svg;
}

const drawn = new WeakMap(); // of each canvas, its map and the colours it was drawn in
const onSight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) drawNow(entry.target);
}, { rootMargin: "400px" });

function drawNow(canvas) {
  const known = drawn.get(canvas);
  const colours = controls.colours.value;
  if (!known || known.colours === colours) return;
  drawMap(canvas, known.map, palettes[colours]);
  known.colours = colours;
}

function stack(image, map, label) {
  const url = `data:image/webp;base64,${image.i}`;
  const picture = element("img", { src: url, width: image.w, height: image.h, alt: map ? "" : label });
  const found = element("div", { class: map ? "stack map" : "stack" }, picture);
  if (map) {
    const scale = SIDE / Math.max(image.w, image.h);
    const size = { width: Math.round(image.w * scale), height: Math.round(image.h * scale) };
    const canvas = element("canvas", { ...size, role: "img", "aria-label": label });
    if (map.p) {
      drawn.set(canvas, { map, colours: "" });
      onSight.observe(canvas);
    }
    found.append(canvas);
  }
  found.append(marks(image, map?.p));
  if (map && !map.p) found.append(element("span", { class: "flat" }, "flat"));
  return found;
}

function labelOf(image, explainer, map, words) {
  const where = map.p
    ? `peak ${Math.round(100 * map.p[0])} % from the left, ${Math.round(100 * map.p[1])} % from the top`
    : "flat: no peak";
  return `Map of ${explainer} for ${facts.classes[image.t]}: ${where}; ${words}`;
}

function tiles(image, metricPlace, chosenExplainer) {
  const metric = facts.metrics[metricPlace];
  const box = element("div", { class: "tiles" });
  const plain = stack(image, null, `${image.n}: ${facts.classes[image.t]}`);
  box.append(element("figure", { class: "tile" }, plain, element("figcaption", {}, "image")));
  facts.explainers.forEach((explainer, place) => {
    const map = image.m[place];
    const value = score(image, place, metricPlace);
    const words = said(value, metric);
    const kind = ["tile", place === chosenExplainer ? "chosen" : "", isControl.has(explainer) ? "control" : ""];
    const figure = element("figure", { class: kind.filter(Boolean).join(" ") });
    if (map) figure.append(stack(image, map, labelOf(image, explainer, map, `${metric.name} ${words}`)));
    const style = metric.binary && typeof value === "number" ? `score ${words}` : "score";
    const other = image.o.includes(metricPlace) ? " *" : "";
    const caption = element("figcaption", {}, explainer, element("span", { class: style }, words + other));
    if (!map) caption.prepend(element("i", {}, "no map "));
    figure.append(caption);
    box.append(figure);
  });
  return box;
}

function heading(image, level) {
  const block = facts.blocks[image.b];
  const lines = [
    element("p", {}, `${block.model} on ${block.dataset}`),
    element("p", {}, "target ", element("b", {}, facts.classes[image.t])),
    element("p", image.t === image.c ? {} : { class: "wrong" }, `predicted ${facts.classes[image.c]}`),
  ];
  if (image.d !== null) lines.push(element("p", {}, `disagreement ${image.d.toFixed(2)}`));
  return [element(level, {}, image.n), ...lines];
}

function card(image, place) {
  const button = element("button", { type: "button", "aria-label": `Open ${image.n}` }, "Open");
  button.addEventListener("click", () => openCloser(place));
  const top = element("header", {}, ...heading(image, "h3"), button);
  const chosenExplainer = ordersByScore() ? Number(controls.explainer.value) : -1;
  return element("article", { class: "card" }, top, tiles(image, Number(controls.metric.value), chosenExplainer));
}

function ordersByScore() {
  return ["worst", "best"].includes(controls.order.value);
}

// How bad a score is: a number; those that are none come last, whichever end is asked for.
function badness(image, explainer, metric) {
  const value = score(image, explainer, metric);
  if (typeof value !== "number") return null;
  return facts.metrics[metric].higher ? -value : value;
}

function isFailure(image, explainer, metric, limit) {
  const bad = badness(image, explainer, metric);
  if (bad === null) return false;
  return facts.metrics[metric].binary ? score(image, explainer, metric) === Number(!facts.metrics[metric].higher) : bad >= limit;
}

// The worst quarter, for metrics that do not simply hit or miss.
function quarter(images, explainer, metric) {
  const all = images.map((image) => badness(image, explainer, metric)).filter((bad) => bad !== null);
  all.sort((a, b) => b - a);
  return all.length ? all[Math.max(0, Math.ceil(all.length / 4) - 1)] : Infinity;
}

let listed = [];

function choose() {
  const wanted = chosen();
  const explainer = Number(controls.explainer.value), metric = Number(controls.metric.value);
  const least = Number(controls.disagreement.value);
  const here = facts.images.filter((image) => {
    const block = facts.blocks[image.b];
    return (!wanted.model || block.model === wanted.model)
      && (!wanted.dataset || block.dataset === wanted.dataset)
      && (controls.class.value === "" || image.t === Number(controls.class.value))
      && (least === 0 || (image.d !== null && image.d >= least));
  });
  const limit = quarter(here, explainer, metric);
  const failing = here.filter((image) => isFailure(image, explainer, metric, limit));
  listed = controls.failures.checked ? failing : here;
  if (controls.order.value === "disagreement") listed.sort((a, b) => (b.d ?? -1) - (a.d ?? -1));
  if (ordersByScore()) {
    const turn = controls.order.value === "worst" ? 1 : -1;
    const bad = (image) => badness(image, explainer, metric);
    listed.sort((a, b) => (bad(a) === null) - (bad(b) === null) || turn * (bad(b) - bad(a)));
  }
  tellAgain = () => tellStatus(here, failing, explainer, metric);
  tellAgain();
  cards.replaceChildren();
  showMore();
}

let tellAgain = () => {}; // what the status says, without what is said of printing

function tellStatus(here, failing, explainer, place) {
  const metric = facts.metrics[place];
  const known = here.filter((image) => badness(image, explainer, place) !== null).length;
  const told = metric.binary
    ? `${facts.explainers[explainer]} misses ${failing.length} of ${known} by ${metric.name}`
    : `${facts.explainers[explainer]}: ${known} with a score by ${metric.name}`;
  const other = here.some((image) => image.o.includes(place)) ? " * of the predicted class, whose map is another one." : "";
  document.getElementById("gallery-status").textContent = `${listed.length} of ${facts.images.length} images. ${told}.${other}`;
}

function showMore() {
  const done = cards.childElementCount;
  const next = listed.slice(done, done + AT_ONCE);
  cards.append(...next.map((image, i) => card(image, done + i)));
  const rest = listed.length - done - next.length;
  document.querySelector(".more").hidden = rest === 0;
  document.getElementById("more").textContent = `Show ${Math.min(rest, AT_ONCE)} more of ${rest}`;
}

const closer = document.getElementById("closer");

function openCloser(place) {
  const image = listed[place];
  const metricPlace = Number(controls.metric.value);
  const step = (name, to) => {
    const button = element("button", { type: "button" }, name);
    button.disabled = to < 0 || to >= listed.length;
    button.addEventListener("click", () => openCloser(to));
    return button;
  };
  const close = element("button", { type: "button" }, "Close");
  close.addEventListener("click", () => closer.close());
  const [title, ...lines] = heading(image, "h3");
  title.id = "closer-title";
  const box = element("div", { class: "card" }, element("header", {}, title, ...lines));
  const buttons = element("div", { class: "steps" }, step("Previous", place - 1), step("Next", place + 1), close);
  closer.replaceChildren(buttons, box, tiles(image, metricPlace, -1), scoresTable(image));
  closer.dataset.place = place;
  if (!closer.open) closer.showModal();
  close.focus();
}

function scoresTable(image) {
  const table = element("table", { class: "records" }, element("caption", {}, "Every score of this image"));
  const top = element("tr", {}, element("th", { scope: "col" }, "explainer"));
  facts.metrics.forEach((metric, place) => {
    const arrow = (metric.higher ? " ↑" : " ↓") + (image.o.includes(place) ? " *" : "");
    top.append(element("th", { scope: "col", class: "numeric" }, metric.key + arrow));
  });
  table.append(element("thead", {}, top));
  const body = element("tbody");
  facts.explainers.forEach((explainer, place) => {
    const line = element("tr", {}, element("th", { scope: "row" }, explainer));
    facts.metrics.forEach((metric, i) => {
      line.append(element("td", { class: "numeric" }, said(score(image, place, i), metric)));
    });
    body.append(line);
  });
  table.append(body);
  const name = "Scores, can be scrolled";
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, table);
}

function redraw() {
  for (const canvas of document.querySelectorAll(".stack canvas")) {
    if (drawn.get(canvas)?.colours) drawNow(canvas);
  }
}

function restyle() {
  shown.style.setProperty("--overlay", controls.opacity.value / 100);
  const turns = { "no-boxes": !controls.boxes.checked, "no-peaks": !controls.peaks.checked, grey: controls.grey.checked, "no-controls": !controls.controls.checked };
  for (const [name, on] of Object.entries(turns)) document.getElementById("gallery").classList.toggle(name, on);
}

function options(select, entries) {
  select.append(...entries.map(([value, text]) => element("option", { value }, text)));
}

if (controls) {
  const classes = [...new Set(facts.images.map((image) => image.t))];
  const byName = (a, b) => a[1].localeCompare(b[1], undefined, { numeric: true });
  options(controls.class, classes.map((place) => [place, facts.classes[place]]).sort(byName));
  options(controls.explainer, facts.explainers.map((name, place) => [place, name]));
  options(controls.metric, facts.metrics.map((metric, place) => [place, metric.key]));
  const pointed = facts.metrics.findIndex((metric) => metric.binary);
  controls.metric.value = Math.max(0, pointed);
  const most = Math.max(0, ...facts.images.map((image) => image.d ?? 0));
  controls.disagreement.max = Math.ceil(most * 20) / 20 || 0.05;

  const which = new Set(["class", "order", "explainer", "metric", "failures", "disagreement"]);
  controls.addEventListener("input", (event) => {
    controls.said.value = Number(controls.disagreement.value).toFixed(2);
    if (which.has(event.target.name)) choose();
    if (event.target.name === "colours") redraw();
    restyle();
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("filtered", choose);
  document.getElementById("more").addEventListener("click", showMore);
  closer.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const to = Number(closer.dataset.place) + step;
    if (step && to >= 0 && to < listed.length) openCloser(to);
  });
  addEventListener("beforeprint", () => {
    for (const canvas of cards.querySelectorAll("canvas")) drawNow(canvas);
    const shown = cards.childElementCount, status = document.getElementById("gallery-status");
    if (shown < listed.length) status.textContent += ` The first ${shown} are printed.`;
  });
  addEventListener("afterprint", () => tellAgain());
  const tileCount = facts.explainers.length + 1, rows = Math.ceil(tileCount / 11); // rows of about one length
  cards.style.setProperty("--across", Math.ceil(tileCount / rows));
  restyle();
  choose();
}
shown.dataset.ready = "true";
