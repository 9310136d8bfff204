"""The page on the simulator lists every fault under its number, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from temporal_do.sim import FaultPlan
from temporal_do.sim.fault_table import FAULTS
from temporal_do.sim.fault_text import GROUPS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulation.md"
NUMBERS = range(1, 34)


def rows() -> dict[str, set[str]]:
    """Number -> the names that stand in its row."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| G\d+ \|", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[cells[0]] = set(re.findall(r"`(\w+)`", cells[2]))
    return found


def test_every_number_of_the_catalogue_has_a_row() -> None:
    assert list(rows()) == [f"G{number}" for number in NUMBERS]


def test_every_fault_stands_in_the_row_of_its_number() -> None:
    table = rows()
    for fault in FAULTS:
        assert fault.name in table[fault.reference], fault


def test_a_row_names_only_faults_that_there_are() -> None:
    names = {fault.name for fault in FAULTS}
    for number, found in rows().items():
        assert found, f"{number} names no fault"
        assert found <= names, number


def test_every_fault_is_in_a_group_of_its_own_kind() -> None:
    grouped = {name for word, plan in GROUPS.items() if word != "everything" for name in plan().rates}
    assert grouped == {fault.name for fault in FAULTS}
    assert FaultPlan.everything().rates.keys() == grouped
