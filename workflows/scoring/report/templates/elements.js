"use strict";

// What scripts of pages make elements with: text reaches a page as text nodes and attributes only, never as HTML.
const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, ...children) {
  const element = ["svg", "rect", "title"].includes(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function read(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`);
const signed = (value) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;

// The most probable relations, each with its bar; the one that is right stands out.
function bars(best, right) {
  const rows = best.map(([relation, probability]) => {
    const bar = make("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, make("rect", { width: 100 * probability, height: 10 }));
    const row = make("tr", {}, make("td", {}, relation), make("td", {}, bar), make("td", { class: "number" }, percent(probability)));
    if (relation === right) row.className = "is";
    return row;
  });
  return make("table", { class: "best", "aria-label": "most probable relations" }, make("tbody", {}, ...rows));
}

