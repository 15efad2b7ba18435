// A product's label, drawn from the words that were read on it: each where it stood, as large as it stood there.

import { shape } from "./dom.js";

const INKS = ["#1f6b4f", "#8a3b2e", "#2b4f81", "#7a5b15", "#5b3a78", "#246a73"];

export function draw(sheet, { title, seed = "", box = null }) {
  const { width, height, words } = sheet;
  const ink = INKS[[...seed].reduce((sum, char) => sum + char.charCodeAt(0), 0) % INKS.length];
  const edge = Math.min(width, height) * 0.02;
  const svg = shape(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title, class: "sheet" },
    shape("rect", { width, height, rx: edge * 1.5, class: "sheet-paper" }),
    shape("rect", { x: edge, y: edge, width: width - 2 * edge, height: height - 2 * edge, rx: edge, fill: "none", stroke: ink, "stroke-width": edge / 5, opacity: 0.5 }),
  );
  if (box) svg.append(marker(box, width, height));
  const heights = words.map(({ box: [top, , bottom] }) => bottom - top).sort((a, b) => a - b);
  const large = heights.length ? heights[Math.floor(heights.length * 0.85)] : 0;
  for (const word of words) svg.append(drawn(word, ink, large));
  return svg;
}

function drawn({ text, box: [top, left, bottom, right] }, ink, large) {
  const width = right - left;
  const height = bottom - top;
  const upright = height > width * 1.5 && [...text].length > 1; // printed along the edge
  const size = upright ? width : height;
  const attributes = {
    "font-size": size * 0.92,
    class: size >= large ? "sheet-word strong" : "sheet-word",
    fill: size >= large ? ink : null,
    textLength: Math.max(upright ? height : width, 1),
    lengthAdjust: "spacingAndGlyphs",
  };
  if (upright) {
    attributes.transform = `translate(${right - size * 0.2} ${bottom}) rotate(-90)`;
  } else {
    attributes.x = left;
    attributes.y = bottom - size * 0.2;
  }
  return shape("text", attributes, text);
}

function marker([top, left, bottom, right], width, height) {
  const margin = Math.min(width, height) * 0.015;
  return shape("rect", {
    class: "sheet-marker",
    x: left * width - margin,
    y: top * height - margin,
    width: (right - left) * width + 2 * margin,
    height: (bottom - top) * height + 2 * margin,
    rx: margin,
  });
}
