"""Size and load time of a report of many subjects, tables alone: python -m benchmarks.report_size [--subjects 1000].

Builds a report of made tables (two visits a subject, no pictures or volumes), opens its pages in a headless Chromium
from disk, and prints a Markdown table. Load: from the start of the navigation to the end of the load event, the median
of three openings, as the browser's own clock has it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import made_report
from tests.browser.conftest import CANDIDATES, FLAGS

TIMES = (
    """() => { const [own] = performance.getEntriesByType("navigation"); return own.loadEventEnd - own.startTime; }"""
)
NEXT = """async () => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const times = [];
  for (let at = 0; at < 20; at += 1) {
    const start = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "k", bubbles: true }));
    await frame();
    times.push(performance.now() - start);
  }
  return times;
}"""  # keep a mark, which goes on to the next: until that one is drawn
PAGES = ("index", "errors", "review", "marks", "sub-0001")


def load_ms(browser: Browser, page_file: Path) -> float:
    """Median time (ms) of three openings, each in a fresh context."""
    times = []
    for _ in range(3):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"file://{page_file}", wait_until="load")
        page.wait_for_timeout(200)
        times.append(page.evaluate(TIMES))
        context.close()
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=1000)
    count = parser.parse_args().subjects
    executable = next(filter(None, map(shutil.which, CANDIDATES)))
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        files = made_report.write_run(folder, [f"{at:04d}" for at in range(1, count + 1)], pictures=False)
        start = time.perf_counter()
        home = made_report.build(files, folder).parent
        n_sessions = sum(map(len, files["sessions"].values()))
        print(f"{count} subjects, {n_sessions} sessions: built in {time.perf_counter() - start:.0f} s\n")
        print("| page | size, kB | load, ms |\n|---|---:|---:|")
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for name in PAGES:
            page = home / f"{name}.html"
            print(f"| {name}.html | {page.stat().st_size / 1000:.0f} | {load_ms(browser, page):.0f} |", flush=True)
        page = browser.new_page()
        page.goto(f"file://{home / 'marks.html'}")
        page.fill("#reviewer", "AB")
        page.locator("#reviewer").press("Enter")
        times = page.evaluate(NEXT)
        print(f"\nnext mark: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms")
        print(page.inner_text("#progress"))
        browser.close()


if __name__ == "__main__":
    main()
