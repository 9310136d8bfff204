"""The files a Worker needs are found by following imports, and what it would miss is told."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from temporal_do.edge_adapter.tooling.modules import UnreadableModuleError, UserCode, find_user_code


def _find(root: Path, files: dict[str, str], *roots: str, extra: list[str] | None = None) -> UserCode:
    for place, text in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(dedent(text))
    return find_user_code(root / "entry.py", [root / each for each in roots or ("",)], {"attr"}, extra or [])


def _places(code: UserCode) -> list[str]:
    return [module.place for module in code.modules]


def _lost(code: UserCode) -> list[tuple[str, int, str]]:
    return [(lost.path.name, lost.line, lost.name) for lost in code.lost]


def test_imports_are_followed_step_by_step_and_nothing_else_comes_along(tmp_path: Path) -> None:
    code = _find(
        tmp_path,
        {
            "entry.py": "from shop.workers import worker\n",
            "shop/__init__.py": "",
            "shop/workers.py": "from . import models\nfrom .inner.flows import flow\nimport helpers\n",
            "shop/models.py": "from .. import x\n",
            "shop/inner/__init__.py": "",
            "shop/inner/flows.py": "def f():\n    from ..late import value\n",
            "shop/late.py": "",
            "shop/unused.py": "",
            "helpers.py": "",
            "tests/test_it.py": "",
        },
    )
    assert _places(code) == [
        "entry.py",
        "helpers.py",
        "shop/__init__.py",
        "shop/inner/__init__.py",
        "shop/inner/flows.py",
        "shop/late.py",
        "shop/models.py",
        "shop/workers.py",
    ]
    assert _lost(code) == []


def test_a_folder_without_init_is_a_package_too(tmp_path: Path) -> None:
    code = _find(
        tmp_path,
        {"entry.py": "from shop import flows\n", "shop/flows.py": "import shop.more\n", "shop/more.py": ""},
    )
    assert _places(code) == ["entry.py", "shop/flows.py", "shop/more.py"]


def test_modules_are_looked_for_in_every_source_folder(tmp_path: Path) -> None:
    code = _find(tmp_path, {"entry.py": "import a, b\n", "src/a.py": "", "b.py": ""}, "src", "")
    assert _places(code) == ["a.py", "b.py", "entry.py"]


def test_modules_named_as_text_and_by_settings_come_along(tmp_path: Path) -> None:
    files = {
        "entry.py": "from importlib import import_module\nimport_module('plugin')\n",
        "plugin.py": "",
        "more.py": "",
    }
    assert _places(_find(tmp_path, files, extra=["more"])) == ["entry.py", "more.py", "plugin.py"]


def test_what_is_vendored_provided_or_standard_is_there(tmp_path: Path) -> None:
    code = _find(tmp_path, {"entry.py": "import attr, json, js, workers\nfrom zoneinfo import ZoneInfo\n"})
    assert _lost(code) == []


def test_imports_for_type_checkers_and_optional_ones_may_be_missing(tmp_path: Path) -> None:
    code = _find(
        tmp_path,
        {
            "entry.py": """
                from typing import TYPE_CHECKING
                if TYPE_CHECKING:
                    import numpy
                try:
                    import orjson
                except ImportError:
                    import json as orjson
                """
        },
    )
    assert _lost(code) == []


@pytest.mark.parametrize(
    ("line", "name", "why"),
    [
        ("import numpy.linalg", "numpy.linalg", "neither in the project nor vendored"),
        ("from pandas import DataFrame", "pandas", "neither in the project nor vendored"),
        ("import resource", "resource", "no such module"),
        ("from temporal_do.sim import Simulation", "temporal_do.sim", "stays on the laptop"),
        ("import temporal_do.edge_adapter.local", "temporal_do.edge_adapter.local", "stays on the laptop"),
        ("from temporal_do.edge_adapter import local", "temporal_do.edge_adapter", "stays on the laptop"),
        ("from temporal_do import sim", "temporal_do", "stays on the laptop"),
    ],
)
def test_what_the_worker_will_not_find_is_told_with_its_line(
    tmp_path: Path, line: str, name: str, why: str
) -> None:
    code = _find(tmp_path, {"entry.py": "import app\n", "app.py": f"import json\n\n{line}\n"})
    assert _lost(code) == [("app.py", 3, name)]
    assert why in code.lost[0].why


@pytest.mark.parametrize(
    "line",
    [
        "from temporal_do.runtime import Temporal",
        "import temporal_do.runtime.errors",
        "from temporal_do.edge_adapter.cloudflare import Edge",
        "from temporal_do.edge_adapter import cloudflare",
        "from temporal_do import runtime",
    ],
)
def test_the_runtime_and_the_workers_side_are_there(tmp_path: Path, line: str) -> None:
    assert _lost(_find(tmp_path, {"entry.py": line})) == []


def test_a_module_whose_name_something_else_has_in_the_worker_is_hidden(tmp_path: Path) -> None:
    files = {
        "entry.py": "import calendar.days, calendar.more, attr, workers, app\n",
        "calendar/__init__.py": "",
        "calendar/days.py": "",
        "calendar/more.py": "",
        "attr.py": "",
        "workers.py": "",
        "app.py": "",
    }
    hidden = _find(tmp_path, files).hidden()
    assert [(module.place, instead) for module, instead in hidden] == [
        ("attr.py", "the package attr that comes with it"),
        ("calendar/__init__.py", "the standard library's calendar"),
        ("workers.py", "the package workers that comes with it"),
    ]


def test_a_file_that_is_not_python_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModuleError) as caught:
        _find(tmp_path, {"entry.py": "import app\n", "app.py": "x = 1\nif x\n"})
    assert (caught.value.path.name, caught.value.line) == ("app.py", 2)
