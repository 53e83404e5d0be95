// The slider of a post's past. The list of moments under it has their addresses and their times in the reader's zone
// (time.js), so this makes neither.

const PAUSE_MS = 400; // whoever holds an arrow key passes many moments, and wants the last

const stops = [...document.querySelectorAll("[data-stops] a")];
const slider = document.querySelector("[data-slider]");
const range = slider?.querySelector("input");
const output = slider?.querySelector("output");
let timer;

if (slider) {
  range.addEventListener("input", tell);
  range.addEventListener("change", leave);
  addEventListener("pageshow", reset);
  reset();
  slider.hidden = false;
  if (location.hash === "#slider") range.focus();
}

// Browsers remember where it was left; it belongs to the moment that is shown.
function reset() {
  range.value = range.defaultValue;
  range.setAttribute("aria-valuetext", document.querySelector("#history-when").textContent);
}

function tell() {
  output.textContent = stops[range.value].textContent;
  range.setAttribute("aria-valuetext", output.textContent);
}

// Back leads to where one came from, not through all the moments in between.
function leave() {
  clearTimeout(timer);
  if (range.value === range.defaultValue) return;
  timer = setTimeout(() => location.replace(`${stops[range.value].href}#slider`), PAUSE_MS);
}
