// A picture of a product, and on it the place that a question is about.

import { element } from "./dom.js";

export function picture({ src, width, height }, alt, box = null) {
  const image = element("img", { src, alt, width, height, decoding: "async" });
  const frame = element("div", { class: "picture" }, image);
  frame.style.setProperty("--ratio", `${width} / ${height}`);
  if (box) frame.append(marker(box));
  return frame;
}

// *box* is [top, left, bottom, right] in fractions of the picture.
function marker([top, left, bottom, right]) {
  const mark = element("div", { class: "marker" });
  const percent = (fraction) => `${(100 * fraction).toFixed(2)}%`;
  Object.assign(mark.style, {
    top: percent(top),
    left: percent(left),
    width: percent(right - left),
    height: percent(bottom - top),
  });
  return mark;
}
