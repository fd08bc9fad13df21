"""What a page has to fulfil on every screen, as expressions that run in the browser and return what breaks it."""

from typing import Final

CONTRAST: Final = """(() => {
  const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const c = channels(getComputedStyle(node).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const node of document.querySelectorAll("h1, h2, p, td, th, dt, dd, li, small, label, button, a")) {
    if (!node.checkVisibility() || !node.textContent.trim() || node.closest(".unseen, .skip, [hidden]")) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
})()"""
"""The lowest contrast (WCAG 2, relative luminance) of any text with its background."""

_WRITTEN: Final = """
  const written = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const unseen = ".unseen, .skip, script, option, title, .waterfall thead";
  const screen = {left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity};
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility()) continue;
    if (parent.closest(unseen) && getComputedStyle(parent.closest(unseen)).position !== "static") continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const frame = parent.closest(".scroll, pre, .tabs")?.getBoundingClientRect() ?? screen;
    for (const box of range.getClientRects()) {
      const [left, right] = [Math.max(box.left, frame.left), Math.min(box.right, frame.right)];
      const [top, bottom] = [Math.max(box.top, frame.top), Math.min(box.bottom, frame.bottom)];
      const text = node.data.trim();
      if (right - left > 1 && bottom - top > 1) written.push({text, parent, left, right, top, bottom});
    }
  }
  written.sort((one, other) => one.top - other.top);
"""
"""Collects each line of visible text with its box, cut off where its container scrolls, from top to bottom."""

COLLISIONS: Final = f"""(() => {{ {_WRITTEN}
  const found = [];
  written.forEach((one, index) => {{
    for (let next = index + 1; next < written.length && written[next].top < one.bottom - 4; next += 1) {{
      const other = written[next];
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      if (wide > 1.5 && Math.min(one.bottom, other.bottom) - other.top > 4) found.push([one.text, other.text]);
    }}
  }});
  return found.slice(0, 5);
}})()"""
"""Pairs of texts that lie over each other."""

OUTSIDE: Final = f"""(() => {{ {_WRITTEN}
  const inside = (one) => {{
    const box = one.parent.closest(".panel, .alerts li, .top, main, footer").getBoundingClientRect();
    return one.left >= box.left - 1 && one.right <= box.right + 1 && one.bottom <= box.bottom + 1;
  }};
  return written.filter((one) => !inside(one)).map((one) => one.text).slice(0, 5);
}})()"""
"""Texts that stick out of their panel."""

TILES: Final = """(() => {
  const boxes = [...document.querySelectorAll(".panel, .figures > div, .alerts li, fieldset.choice, [role=tab]")]
    .filter((node) => node.checkVisibility()).map((node) => [node, node.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([one, a], index) => {
    for (const [other, b] of boxes.slice(index + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1) found.push([one, other].map((node) => node.textContent.trim().slice(0, 40)));
    }
  });
  return found;
})()"""
"""Pairs of panels, figures, alerts or tabs that lie over each other."""

DRAWN: Final = """(() => {
  const style = getComputedStyle(document.documentElement);
  const inks = ["--accent", "--output-1"].map((name) => style.getPropertyValue(name).trim())
    .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const canvases = [...document.querySelectorAll("canvas")].filter((one) => one.checkVisibility()).map((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      if (pixels[at + 3] < 250) continue;
      if (inks.some((ink) => ink.every((value, channel) => Math.abs(value - pixels[at + channel]) < 3))) inked += 1;
    }
    return inked;
  });
  const points = [...document.querySelectorAll(".plot svg")].filter((one) => one.checkVisibility())
    .map((one) => one.querySelectorAll(".point").length);
  return {canvases, points};
})()"""
"""The number of pixels in a colour of the data in each visible canvas, and of marks in each visible drawing."""
