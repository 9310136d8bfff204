"""No product module is unreachable, and the rule that says so can fail."""

from __future__ import annotations

from tests.tidy.rules.dead_modules import check
from tests.tidy.rules.packages import entry_points, project_table
from tests.tidy.rules.source import Source, every_source


def test_every_module_is_reached() -> None:
    findings = check(every_source(), entry_points=entry_points(project_table()))
    assert not findings, "\n".join(findings)


def _sources(**texts: str) -> list[Source]:
    return [Source.parse(f"{name.replace('__', '/')}.py", text) for name, text in texts.items()]


def test_a_planted_dead_module_is_reported() -> None:
    planted = _sources(sim__a="from . import b", sim__b="from . import a")
    assert [finding.split(":")[0] for finding in check(planted)] == ["sim/a.py", "sim/b.py"]


def test_a_module_that_only_a_test_imports_is_dead_unless_it_is_a_test_face() -> None:
    planted = _sources(sim__a="", tests__test_a="from temporal_do.sim import a")
    assert len(check(planted)) == 1
    assert check(planted, test_faces={"sim/a.py": "users' tests call it"}) == []


def test_reaching_goes_through_faces_lazy_tables_entry_points_and_examples() -> None:
    face = Source.parse("sim/__init__.py", "from .a import x\n_LAZY = {'B': '.b', 'C': 'temporal_do.sim.c'}")
    planted = [
        face,
        *_sources(sim__a="from . import d", sim__b="", sim__c="", sim__d="", sim__e="", sim__f=""),
    ]
    planted += _sources(examples__shop="from temporal_do.sim.f import x")
    assert check(planted, entry_points=["temporal_do.sim.e:main"]) == []


def test_a_test_face_that_is_gone_is_reported() -> None:
    (finding,) = check([], test_faces={"sim/gone.py": "users' tests call it"})
    assert "does not exist" in finding
