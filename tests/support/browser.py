"""Pages in a real browser: headless Chromium, driven by playwright, and what a reader would complain of."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PHONE, DESK = 390, 1280
"""Widths in CSS pixels."""

LONGEST_WAIT = 20_000
"""Milliseconds, for what a page does at once."""

SMALLEST_TEXT = 12
LEAST_CONTRAST = 4.5
"""Of text with what is behind it, as WCAG 2 asks at level AA."""

UNREADABLE = """() => {
    const small = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const holder = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !holder.checkVisibility()) continue;
        if (holder.closest("title, script, style")) continue;
        const scale = holder instanceof SVGElement ? Math.abs(holder.getScreenCTM().d) : 1;
        const size = parseFloat(getComputedStyle(holder).fontSize) * scale;
        if (size < LEAST - 0.01) small.push(`${size.toFixed(1)} px: ${walker.currentNode.data.trim()}`);
    }
    return small;
}""".replace("LEAST", str(SMALLEST_TEXT))

FAINT = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = (color) => {
        const [r, g, b] = [...channels(color)].slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let holder = element; holder; holder = holder.parentElement) {
            const color = getComputedStyle(holder).backgroundColor;
            if (channels(color)[3] > 250) return color;
        }
        return "white";
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const holder = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !holder.checkVisibility()) continue;
        if (holder.closest("title, script, style, :disabled, option")) continue;
        const style = getComputedStyle(holder);
        const inks = [holder instanceof SVGElement ? style.fill : style.color, behind(holder)].map(luminance);
        const ratio = (Math.max(...inks) + 0.05) / (Math.min(...inks) + 0.05);
        if (ratio < LEAST) faint.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim()}`);
    }
    return faint;
}""".replace("LEAST", str(LEAST_CONTRAST))

MISSING = "() => [...document.images].filter(image => !image.complete || image.naturalWidth === 0).length"

BEYOND = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def find_chromium() -> str | None:
    """The browser's program: `$CHROMIUM`, or the first of its names on the path."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]
    return next(filter(None, found), None)


@dataclass
class OpenedPage:
    """A page in the browser.

    Args:
        page: Playwright's.
        complaints: What the console said as an error or a warning, and exceptions that nothing caught.
        requests: Addresses that were asked for, apart from the file and the data in it.
        dialogs: Texts of alerts.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def too_small(self) -> list[str]:
        """Texts that are smaller than `SMALLEST_TEXT` on the screen."""
        return list(self.page.evaluate(UNREADABLE))

    def too_faint(self) -> list[str]:
        """Texts whose contrast is below `LEAST_CONTRAST`."""
        return list(self.page.evaluate(FAINT))

    def missing_pictures(self) -> int:
        return int(self.page.evaluate(MISSING))

    def beyond(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate(BEYOND))


def open_page(browser: Any, file: Path, width: int = DESK, *, dark: bool = False) -> OpenedPage:
    """Open a file in a window of its own, and wait until everything in it is loaded."""
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width == PHONE else 900},
        color_scheme="dark" if dark else "light",
        offline=True,
    )
    context.set_default_timeout(LONGEST_WAIT)
    return watch_page(context.new_page(), file.resolve().as_uri())


def watch_page(page: Any, address: str) -> OpenedPage:
    """Go to an address, noting from then on what the page complains of and asks for."""
    opened = OpenedPage(page)
    page.on("console", lambda said: opened.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda asked: (
            None if asked.url == address or asked.url.startswith("data:") else opened.requests.append(asked.url)
        ),
    )
    page.goto(address, wait_until="load")
    return opened
