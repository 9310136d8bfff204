"""The page in headless Chromium: it draws itself, is stepped through, and runs nothing that a run holds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_page import page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

BUDGETS_MS = (4_000, 20_000, 100_000)

# Walks through the page as a reader would and notes what is to be seen.
PROBE = """
const probing = setInterval(() => {
  if (document.documentElement.dataset.ready !== 'yes') return;
  clearInterval(probing);
  const seen = {};
  const key = (name) => document.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
  const picked = () => document.querySelector('#facts .dim')?.textContent.split(' ')[0];
  const count = () => document.getElementById('count').textContent;
  const view = (name) => document.querySelector(`[name=view][value=${name}]`).click();
  seen.first = picked();
  key('ArrowRight'); seen.right = picked();
  key('ArrowLeft'); seen.left = picked();
  document.querySelector('#facts .jump').click(); seen.jump = picked();
  key('End'); seen.end = picked();
  key('n'); seen.problem = picked();
  seen.involved = count();
  view('everything'); seen.everything = count();
  document.querySelector('.scroll').scrollTop = 1e6;
  view('story'); seen.story = count();
  seen.drawn = document.querySelector('.wires').getAttribute('height');
  const text = document.getElementById('text');
  text.value = 'no such step'; text.dispatchEvent(new Event('input')); seen.filtered = count();
  document.body.dataset.seen = JSON.stringify(seen);
}, 100);
"""


def _dom(text: str, folder: Path, *, width: int = 1300, until: str = 'data-ready="yes"') -> str:
    """The document once ``until`` is in it. The test events of the probe are no part of the page.

    The browser's time runs ahead of what its threads do on a busy machine, so it gets more if it needs more.
    """
    (folder / "page.html").write_text(text, "utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    for number, budget_ms in enumerate(BUDGETS_MS):
        command = [
            *(str(CHROMIUM), *options, f"--user-data-dir={folder / f'profile{number}'}"),
            *(f"--window-size={width},900", f"--virtual-time-budget={budget_ms}", "--dump-dom"),
            (folder / "page.html").as_uri(),
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if run.returncode == 0 and until in run.stdout:
            return run.stdout
    raise AssertionError(f"{until!r} never came: {run.returncode}, {run.stderr[-2000:]}")


def test_the_lanes_and_the_broken_steps_are_drawn_and_nothing_hostile_ran(tmp_path: Path) -> None:
    dom = _dom(page(), tmp_path)
    assert 'data-ready="yes"' in dom
    assert re.search(r"<text[^>]*>order-0<title>WorkflowDO/shop/order-0</title></text>", dom)
    assert dom.count('class="halo"') >= 2 and 'class="row broken picked"' in dom
    assert re.search(r'class="call( mine)?"', dom) and 'class="row gap"' in dom
    assert "<title>three &lt;orders&gt; &amp; more" in dom and "<img" not in dom


def test_two_runs_stand_side_by_side_on_a_desk_and_one_at_a_time_on_a_phone(tmp_path: Path) -> None:
    wide = _dom(page(side_by_side=True), tmp_path)
    assert wide.count('<section class="pane">') == 2
    assert len(re.findall('class="row[^"]* apart', wide)) == 2
    narrow = _dom(page(side_by_side=True), tmp_path, width=500)
    assert narrow.count('<section class="pane">') == 1
    assert narrow.count('<section class="pane" hidden="">') == 1


def test_where_there_is_little_room_it_says_first_what_happened(tmp_path: Path) -> None:
    wide, narrow = (_dom(page(), tmp_path, width=width) for width in (1300, 500))
    assert "><b>client</b> order-0: signal workflow 'item'</span>" in wide
    assert ">signal workflow 'item' <small>client</small></span>" in narrow
    assert "><b>client</b> " not in narrow


def test_a_reader_steps_jumps_and_filters(tmp_path: Path) -> None:
    open_page = re.sub(r"<meta http-equiv[^>]*>", "", page())  # the policy lets no foreign script in
    dom = _dom(open_page.replace("</body>", f"<script>{PROBE}</script></body>"), tmp_path, until="data-seen=")
    (noted,) = re.findall(r'data-seen="([^"]*)"', dom)
    seen = dict(re.findall(r"&quot;(\w+)&quot;:&quot;(.*?)&quot;", noted))
    assert seen["first"] == seen["left"] != seen["right"]
    assert int(seen["jump"][1:]) < int(seen["first"][1:]) < int(seen["end"][1:])
    assert seen["problem"] != seen["end"]
    assert int(seen["drawn"]) > 0
    shown = {name: int(seen[name].split()[0]) for name in ("story", "involved", "everything", "filtered")}
    assert shown["filtered"] == 0 < shown["story"] < shown["involved"] < shown["everything"]
