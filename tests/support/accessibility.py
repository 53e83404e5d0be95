"""What a browser measures of a page: contrast, the size of targets, and WCAG 2.2 AA as far as axe-core can tell."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

AXE_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "selectors": False,  # nobody reads them
}
CONTRAST = """
() => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("script, style, template, option")) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const needed = element.closest("pre code span, button, .button, .mark, .live-mark") ? 4.5 : 7;
    const text = walker.currentNode.data.trim().slice(0, 40);
    if (ratio < needed) poor.push(`${ratio.toFixed(1)} ${element.className} ${text}`);
  }
  return poor;
}
"""
TARGETS = """
() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter(e => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".prose, .skip, .unseen"))
  .map(e => (e.type === "checkbox" && e.closest("label")) || e)
  .filter(e => {
    const display = getComputedStyle(e).display;
    if (display === "inline" && e.tagName === "A") return false;  // within a sentence; WCAG 2.5.8 leaves it out
    const box = e.getBoundingClientRect();
    return box.height < 43.5 || box.width < 43.5;
  })
  .map(e => [e.getBoundingClientRect(), e.outerHTML.slice(0, 120)])
  .map(([box, html]) => `${Math.round(box.width)}x${Math.round(box.height)} ${html}`)
"""


def show(page: Page, path: str, width: int = 1280, scheme: Any = "light") -> None:
    """Open the page with everything on it unfolded."""
    look(page, width, scheme)
    page.goto(path)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")


def look(page: Page, width: int, scheme: Any) -> None:
    """Look at the page on another screen."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


def violations(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options).then(results => results.violations)", AXE_OPTIONS)
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
