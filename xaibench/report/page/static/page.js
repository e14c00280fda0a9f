"use strict";
// What the whole page shares: light and dark, and the choice of model, data set and metric.

const shown = document.documentElement;
for (const part of document.querySelectorAll(".scripted")) part.hidden = false;

const THEMES = ["system", "light", "dark"];
const themeButton = document.getElementById("theme");

function setTheme(theme) {
  if (theme === "system") delete shown.dataset.theme;
  else shown.dataset.theme = theme;
  themeButton.textContent = `Theme: ${theme}`;
}

function remembered() {
  try { // a page opened from a file may have no storage
    const theme = localStorage.getItem("xaibench-theme");
    return THEMES.includes(theme) ? theme : "system";
  } catch { return "system"; }
}

themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(shown.dataset.theme ?? "system") + 1) % THEMES.length];
  setTheme(next);
  try { localStorage.setItem("xaibench-theme", next); } catch { /* it holds for this visit */ }
});
setTheme(remembered());

let closed = []; // parts that are opened for printing alone

addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of closed) part.open = false;
});

const filters = document.getElementById("filters");

function chosen() {
  return { model: filters.model.value, dataset: filters.dataset.value, metric: filters.metric.value };
}

function matches(part, { model, dataset }) {
  // what is of all models and data sets has neither name, and goes once one is chosen
  return (!model || part.dataset.model === model) && (!dataset || part.dataset.dataset === dataset);
}

function applyFilters() {
  const wanted = chosen();
  for (const part of document.querySelectorAll("[data-model]")) part.hidden = !matches(part, wanted);
  for (const part of document.querySelectorAll("[data-metric]")) {
    part.hidden = Boolean(wanted.metric) && part.dataset.metric !== wanted.metric;
  }
  document.dispatchEvent(new CustomEvent("filtered"));
}

filters.addEventListener("change", applyFilters);
filters.addEventListener("submit", (event) => event.preventDefault());

const cost = document.getElementById("cost");
cost.dataset.cost = "milliseconds";
document.getElementById("cost-choice").addEventListener("change", (event) => {
  cost.dataset.cost = event.target.value;
});
