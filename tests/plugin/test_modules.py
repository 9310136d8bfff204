"""A pytest run inside this process: what it imports stays, but for the modules of its own project."""

from __future__ import annotations

import sys

import pytest

pytest_plugins = "pytester"


def test_a_run_inside_this_process_loads_no_module_twice_and_leaves_none_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    text = "import colorsys, of_the_project\n\ndef test_it():\n    pass\n"
    pytester.makepyfile(test_it=text, of_the_project="")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    first = sys.modules["colorsys"]
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert sys.modules["colorsys"] is first
    assert not {"test_it", "of_the_project"} & sys.modules.keys()
