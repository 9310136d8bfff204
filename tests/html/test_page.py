"""The page of a run: one file, which asks for nothing, obeys nothing it shows, and says what happened."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from temporal_do.runtime.records import record
from temporal_do.sim import html
from temporal_do.sim.checkers.ledger import Ledger
from temporal_do.sim.html.data import first_difference, page_data
from temporal_do.sim.html.values import ITEMS_MAX, TEXT_MAX, Values
from temporal_do.sim.runner import run_and_keep

from .world import HOSTILE, SCENARIO, failing_and_passing

VOID = frozenset(("meta", "input", "br", "img", "link"))


class Elements(HTMLParser):
    """Reads a page strictly: every element that is opened is closed, the innermost first."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        name = self.open[-1] if self.open else ""
        if name == "script" and self.found[-1][1].get("type"):
            name = "data"
        self.texts[name] = self.texts.get(name, "") + data


@cache
def page(*, side_by_side: bool = False) -> str:
    """The page of the failing run."""
    result, simulation, passing = failing_and_passing()
    return html.render_html(result, simulation, passing=passing if side_by_side else None)


@cache
def read(*, side_by_side: bool = False) -> Elements:
    """The page, parsed."""
    return Elements(page(side_by_side=side_by_side))


def data_in(elements: Elements) -> Any:
    """What the page's scripts are given."""
    return json.loads(elements.texts["data"])


@pytest.mark.parametrize("side_by_side", [False, True])
def test_the_page_is_well_formed_and_names_each_id_once(side_by_side: bool) -> None:
    elements = read(side_by_side=side_by_side)
    assert page(side_by_side=side_by_side).startswith("<!doctype html>")
    ids = [attrs["id"] for _, attrs in elements.found if "id" in attrs]
    assert len(ids) == len(set(ids)) > 5
    assert {"html", "head", "body", "main", "aside", "header", "nav"} <= {tag for tag, _ in elements.found}


def test_the_page_refers_to_nothing_outside_itself() -> None:
    elements = read(side_by_side=True)
    assert not re.search(r"https?:|//[a-z]+\.[a-z]+/|@import|url\(", page(side_by_side=True))
    assert not [attrs for _, attrs in elements.found if {"src", "href", "action"} & attrs.keys()]


def test_the_page_allows_itself_only_its_own_style_and_script() -> None:
    elements = read()
    (policy,) = [attrs["content"] for _, attrs in elements.found if attrs.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for name in ("style", "script"):
        digest = b64encode(sha256(elements.texts[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_what_a_run_holds_is_data_and_never_markup() -> None:
    elements = read(side_by_side=True)
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 2 and "img" not in tags
    assert "<img" not in page(side_by_side=True)
    assert HOSTILE in "".join(map(str, _leaves(data_in(elements)["values"])))
    assert "three <orders> & more" in elements.texts["h1"]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [json.loads(value) if isinstance(value, str) and value.startswith('"') else value]


def test_the_data_comes_back_as_it_was_put_in_and_the_same_run_gives_the_same_page() -> None:
    result, simulation, passing = failing_and_passing()
    assert data_in(read(side_by_side=True)) == page_data(result, simulation, passing)
    assert html.render_html(result, simulation) == page()


def test_every_step_of_a_violation_can_be_jumped_to() -> None:
    result, _, _ = failing_and_passing()
    links = {int(attrs["data-step"] or "") for _, attrs in read().found if "data-step" in attrs}
    assert links == {step for violation in result.violations for step in violation.steps}
    assert links <= set(data_in(read())["runs"][0]["story"])


def test_every_step_has_a_lane_and_those_involved_are_among_them() -> None:
    _, simulation, _ = failing_and_passing()
    (run,) = data_in(read())["runs"]
    assert len(run["steps"]) == run["total"] == len(simulation.trace)
    keys = [lane["key"] for lane in run["lanes"]]
    assert {step["key"] for step in simulation.trace.steps() if step["kind"] == "commit"} <= set(keys)
    assert all(0 <= step[2] < len(keys) and -1 <= step[5] < len(keys) for step in run["steps"])
    assert "WorkflowDO/shop/order-0" in [keys[lane] for lane in run["involved"]]
    assert [lane["group"] for lane in run["lanes"]] == sorted(lane["group"] for lane in run["lanes"])


def test_of_a_long_run_a_stretch_is_shown_on_top_of_the_rows_that_were_there() -> None:
    result, simulation, _ = failing_and_passing()
    (run,) = page_data(result, simulation, steps_max=80)["runs"]
    assert len(run["steps"]) == 80 and run["total"] == len(simulation.trace)
    broken = min(step for violation in result.violations for step in violation.steps)
    assert run["first"] <= broken < run["first"] + 80
    (late,) = page_data(_without_violations(result), simulation, steps_max=30)["runs"]
    ledger = Ledger()
    for step in list(simulation.trace.tuples())[: late["first"]]:
        if step[0] == "commit":
            ledger.add(step)
    before = {lane["key"]: len(rows) for lane, rows in zip(late["lanes"], late["base"], strict=True)}
    assert any(before.values())
    assert before == {key: ledger.rows(key) for key in before}


def _without_violations(result: Any) -> Any:
    import attrs

    return attrs.evolve(result, violations=())


def test_two_runs_are_shown_at_their_first_difference() -> None:
    _, simulation, passing = failing_and_passing()
    data = data_in(read(side_by_side=True))
    part = data["difference"]
    one, other = ([step[:2] + step[3:5] for step in run["steps"]] for run in data["runs"])
    assert one[:part] == other[:part]
    ours, theirs = list(simulation.trace.tuples()), list(passing.trace.tuples())
    assert first_difference(ours, 0, theirs, 0) == part
    assert [run["label"] for run in data["runs"]] == ["failed", "passed"]


def test_a_run_does_not_differ_from_itself_and_differs_from_its_beginning_at_its_end() -> None:
    _, simulation, _ = failing_and_passing()
    steps = list(simulation.trace.tuples())
    again = list(run_and_keep(SCENARIO, seed=simulation.seed)[1].trace.tuples())
    other = list(run_and_keep(SCENARIO, seed=simulation.seed)[1].trace.tuples())
    assert first_difference(again, 0, other, 0) is None
    assert first_difference(steps, 0, steps[:50], 0) == 50


@record
class PageRow:
    at_ns: int = 0
    backoff_ns: int = 0
    text: str = ""
    items: tuple[int, ...] = ()


def test_values_are_for_people_and_exact_in_every_browser() -> None:
    start_ns = 1_700_000_000_000_000_000
    values = Values(start_ns)
    row = PageRow(at_ns=start_ns + 90_000_000_000, backoff_ns=1_500_000_000, items=(1, 2))
    assert values.shown(row) == {
        "~": "PageRow",
        "at_ns": "+1 min 30 s (2023-11-14 22:14:50 UTC)",
        "backoff_ns": "1.5 s",
        "items": [1, 2],
    }
    assert isinstance(values.shown(2**60), str)
    assert values.shown(float("nan")) == "nan" and values.shown(b"\xff\xfe") == "2 bytes"
    assert values.shown(object()) == "object"
    assert "1 more characters" in values.shown("x" * (TEXT_MAX + 1))
    assert values.shown(tuple(range(ITEMS_MAX + 5)))[-1] == "... 5 more"
    assert values.index(row) == values.index(row) == 0
    assert values.all == [values.shown(row)]
