"""Every folder of the rooms is an installed package, and the rule that says so can fail."""

from __future__ import annotations

from tests.tidy.rules.packages import check, listed_packages, project_table
from tests.tidy.rules.source import ROOM_MAP, ROOT, Source, every_source


def _typed_rooms() -> list[str]:
    return [room for room in ROOM_MAP if (ROOT / room / "py.typed").exists()]


def test_the_packages_in_pyproject_are_the_folders_on_disk() -> None:
    findings = check(every_source(), listed_packages(project_table()), _typed_rooms())
    assert not findings, "\n".join(findings)


SOURCES = [Source.parse("sim/__init__.py", ""), Source.parse("sim/faults/__init__.py", "")]
FOLDERS = {"temporal_do.sim": "sim", "temporal_do.sim.faults": "sim/faults"}


def test_a_complete_list_is_accepted() -> None:
    assert check(SOURCES, FOLDERS, ["sim"]) == []


def test_planted_gaps_are_reported() -> None:
    assert "add temporal_do.sim.faults" in check(SOURCES, {"temporal_do.sim": "sim"}, ["sim"])[0]
    assert "holds no Python" in check(SOURCES, {**FOLDERS, "temporal_do.sim.gone": "sim/gone"}, ["sim"])[0]
    assert "py.typed" in check(SOURCES, FOLDERS, [])[0]
    misnamed = {"temporal_do.sim": "sim", "temporal_do.simulation.faults": "sim/faults"}
    assert "the name must be temporal_do.sim.faults" in check(SOURCES, misnamed, ["sim"])[0]
    no_face = [SOURCES[0], Source.parse("sim/faults/crash.py", "")]
    assert "sim/faults/__init__.py:1: is missing" in check(no_face, FOLDERS, ["sim"])[0]


def test_a_sub_package_is_found_through_the_entry_of_its_room() -> None:
    table: dict[str, object] = {
        "tool": {"setuptools": {"packages": list(FOLDERS), "package-dir": {"temporal_do.sim": "sim"}}}
    }
    assert listed_packages(table) == FOLDERS
