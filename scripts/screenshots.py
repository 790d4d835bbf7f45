"""Takes the pictures of the README and of a review from the product as it is: `make screenshots`.

Starts the app on an empty data folder, lets the sample day play, and visits each page, wide and narrow, light and dark.
"""

from __future__ import annotations

import sys
from pathlib import Path

from realtime.bench.browser import chromium
from realtime.bench.launch import running_app

PAGES = {
    "overview": "/",
    "collections": "/collections?collection=flights",
    "activity": "/activity",
    "notifications": "/notifications?tab=all",
    "health": "/health",
    "admin": "/admin",
}
DRAWN = ".js-plotly-plot .main-svg, [data-tideboard=centre] article, [role=feed] article, h3"
"""Whatever tells that a page is there."""
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
PLAY_S = 45
SETTLE_MS = 2500


def take(folder: Path) -> None:
    """Write `<page>-<size>-<scheme>.png` for all of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_app(sample="auto", extra={"TIDEBOARD_SAMPLE_SPEED": "240"}) as app, chromium() as browser:
        watcher = browser.new_page()
        watcher.goto(app.base_url)
        watcher.wait_for_timeout(PLAY_S * 1000)
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="America/New_York"
                )
                page = context.new_page()
                for name, path in PAGES.items():
                    page.goto(app.base_url + path)
                    page.wait_for_selector(DRAWN)
                    page.wait_for_timeout(SETTLE_MS)
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png")
                context.close()


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
