"""A page as headless Chromium shows it, once its scripts have run."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from tests.support import LIMIT_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
VIRTUAL_MS = 60_000  # which the browser skips when it is idle


@dataclass
class Page:
    """A page's elements after its scripts, and what it reported as errors."""

    dom: str
    errors: list[str]

    def table(self, name):
        """Return the texts of the cells of a table, by row."""
        reader = _Table(name)
        reader.feed(self.dom)
        return reader.rows


class _Table(HTMLParser):
    def __init__(self, name):
        super().__init__()
        self.name, self.inside, self.rows = name, False, []

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.inside = dict(attributes).get("id") == self.name
        elif self.inside and tag == "tr":
            self.rows.append([])
        elif self.inside and tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "table"

    def handle_data(self, text):
        if self.inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += text


def opened(path, selection=""):
    """Open a page, and return it when it is ready; skip the test without a browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        words = [f"--user-data-dir={profile}", f"--virtual-time-budget={VIRTUAL_MS}"]
        words += ["--enable-logging=stderr", "--dump-dom"]
        done = subprocess.run(
            [program, *FLAGS, *words, f"{path.resolve().as_uri()}#{selection}"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    said = re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr)
    root = done.stdout[:2000]
    errors = [*said, *re.findall(r'data-error="([^"]*)"', root)]
    if 'data-ready="true"' not in root:
        errors.append(f"the page is not ready: {done.stderr[-1000:]}")
    return Page(done.stdout, errors)
