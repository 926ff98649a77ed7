"""A real Chromium, headless, without a network; pages are opened from disk."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL by the processor alone
)
CHECKS = Path(__file__).with_name("checks.js")
REQUIRED = "ANGIOLITH_REQUIRE_BROWSER"


@pytest.fixture(scope="session")
def browser():
    path = next(filter(None, map(shutil.which, CANDIDATES)), None)
    if path is None:
        reason = f"no browser: install chromium (apt-get install chromium), one of {', '.join(CANDIDATES)}"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """open(path, ...) -> page; the test fails at its end if a page wrote an error or asked for what is not on disk."""
    problems, contexts = [], []

    def open_page(path, anchor="", **options):
        context = browser.new_context(viewport={"width": 1200, "height": 800}, accept_downloads=True, **options)
        contexts.append(context)
        context.add_init_script(path=CHECKS)
        page = context.new_page()
        page.set_default_timeout(60_000)
        watch(page, problems)
        page.goto(f"file://{path}{anchor}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def watch(page, problems):
    """Note errors of a page, and requests that leave the disk."""
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.extend(why_failed(request)))
    page.on("request", lambda request: None if is_local(request.url) else problems.append(request.url[:200]))


def why_failed(request):
    """The failure of a request, unless the page was left before its answer."""
    return [] if "ERR_ABORTED" in str(request.failure) else [f"{request.url[:200]}: {request.failure}"]


def is_local(url):
    return url.startswith(("file:", "data:", "blob:"))


@contextmanager
def saved(page, folder):
    """The text of the file that the page saves within the block, as `saved.text`."""
    result = SimpleNamespace(text=None, name=None)
    with page.expect_download() as download:
        yield result
    result.name = download.value.suggested_filename
    download.value.save_as(folder / result.name)
    result.text = (folder / result.name).read_text(encoding="utf-8")
