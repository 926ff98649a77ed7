"""The demo's own report in a browser: every page opens, and its volumes show."""

from pathlib import Path

import pytest

REPORT = Path(__file__).parents[2] / "build/demo/derivatives/report"
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not (REPORT / "review.html").is_file(), reason="the demo has not run: make demo"),
]


def test_every_page_opens_without_an_error_and_with_every_picture(opened):
    for path in sorted(REPORT.glob("*.html")):
        page = opened(path)
        page.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager'; })")
        page.wait_for_load_state("load")
        assert page.evaluate("checks.broken()") == 0, path.name
        assert page.evaluate("checks.faint()") == [], path.name


def test_the_viewer_shows_the_demos_volumes(opened):
    page = opened(REPORT / "sub-001.html")
    page.set_default_timeout(300_000)
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    assert page.evaluate("checks.panes().map(pane => pane.nv.volumes.length)") >= [2, 2]
    assert "CT" in viewer.locator(".place").inner_text()
