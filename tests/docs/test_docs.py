"""What the documentation shows is true: its code runs, its sessions say what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.project import Command, Page, matches, run
from tests.tidy.rules.source import ROOT

pytest_plugins = "pytester"

PAGES = {
    path.relative_to(ROOT).as_posix(): page
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if not (page := Page.read(path.read_text("utf-8"))).is_empty
}


def test_there_are_pages_with_code_to_run() -> None:
    assert {"docs/replay.md", "docs/testing.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_true(name: str, pytester: pytest.Pytester) -> None:
    page = PAGES[name]
    page.write(pytester.path)
    for command in page.commands:
        run(command, pytester.path)
    if page.tests:
        pytester.makeini("[pytest]\npythonpath = .\n")
        outcomes = pytester.runpytest_subprocess("-q", "test_page.py").parseoutcomes()
        assert outcomes.keys() == {"passed"}, outcomes


PAGE = """
```python file=app.py
VALUE = 3
```

```python
ignored
```

```python test
from app import VALUE
```

```python test
def test_value():
    assert VALUE == 3
```

```console test
$ echo one two   # exits with 0
one ...
$ false   # exits with 1
```
"""


def test_a_page_is_read_as_files_tests_and_sessions(tmp_path: Path) -> None:
    page = Page.read(PAGE)
    assert page.files == {"app.py": "VALUE = 3\n"}
    assert [block.splitlines()[0] for block in page.tests] == ["from app import VALUE", "def test_value():"]
    assert page.commands == [Command("echo one two", 0, ("one ...",)), Command("false", 1, ())]
    for command in page.commands:
        run(command, tmp_path)


def test_a_page_that_lies_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exited with 1"):
        run(Command("false", 0, ()), tmp_path)
    with pytest.raises(AssertionError, match="said"):
        run(Command("echo one", 0, ("two",)), tmp_path)


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        (("a", "..."), ["a"], True),
        (("a", "...", "d"), ["a", "b", "c", "d"], True),
        (("a", "d"), ["a", "b", "d"], False),
        (("took ... s",), ["took 0.3 s"], True),
        (("...", "last"), ["last", "more"], False),
    ],
)
def test_dots_stand_for_anything(expected: tuple[str, ...], actual: list[str], fits: bool) -> None:
    assert matches(expected, actual) is fits
