"""Every module and every public name says what it is, and the rules that say so can fail."""

from __future__ import annotations

from enum import Enum
from types import ModuleType

import pytest

from tests.tidy.rules.docstrings import check_face, check_modules
from tests.tidy.rules.source import Source, every_source


def test_every_module_has_a_docstring() -> None:
    findings = check_modules(every_source())
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("room", ["runtime", "sim"])
def test_every_public_name_has_a_docstring(room: str) -> None:
    module = __import__(f"temporal_do.{room}", fromlist=["__all__"])
    assert getattr(module, "__all__", None), f"temporal_do.{room} has no __all__"
    findings = check_face(module)
    assert not findings, "\n".join(findings)


def test_a_planted_module_without_a_docstring_is_reported() -> None:
    findings = check_modules([Source.parse("sim/a.py", "x = 1"), Source.parse("sim/b.py", '"""Owns x."""')])
    assert [finding.split(":")[0] for finding in findings] == ["sim/a.py"]


def test_planted_public_names_without_docstrings_are_reported() -> None:
    def undocumented() -> None: ...

    class Base:
        """Documented."""

        def inherited(self) -> None: ...

    class Documented(Base):
        """Documented."""

        def documented(self) -> None:
            """Documented."""

        def bare(self) -> None: ...

        @property
        def bare_property(self) -> int:
            return 1

        @classmethod
        def bare_classmethod(cls) -> None: ...

        def _private(self) -> None: ...

    class Undocumented: ...

    class Colour(Enum):
        RED = 1

    module = ModuleType("planted")
    names: dict[str, object] = {cls.__name__: cls for cls in (Documented, Undocumented, Colour)}
    names |= {"undocumented": undocumented, "LIMIT": 3}
    vars(module).update(names, __all__=[*names, "absent"])
    found = "\n".join(check_face(module))
    for expected in (
        "planted.undocumented:",
        "Documented.bare:",
        "Documented.bare_property:",
        "Documented.bare_classmethod:",
        "Base.inherited:",
        "planted.Undocumented:",
        "planted.Colour:",
        "names absent",
    ):
        assert expected in found
    assert len(found.splitlines()) == 8
