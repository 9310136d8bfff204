"""In the situations of the rules the simulator shows what the platform's own binary shows, entry by entry,
but for what the table of divergences explains."""

from __future__ import annotations

from typing import Any

import pytest

from . import divergences
from .models import MODELS, observe
from .rules import RULES

SEEN = {rule.name: rule.seen for rule in RULES}


def differing(observed: Any, seen: Any) -> tuple[str, ...]:
    """What of an observation differs: the names of its entries, or all of it."""
    if isinstance(observed, dict) and isinstance(seen, dict):
        return tuple(name for name in observed if observed[name] != seen.get(name))
    return () if observed == seen else ("all",)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_simulator_shows_what_the_binary_shows(name: str) -> None:
    observed = observe(name)
    found = differing(observed, SEEN[name])
    assert found == divergences.entries_of(name), f"simulator: {observed}\nbinary:    {SEEN[name]}"


def test_every_divergence_names_a_case() -> None:
    for each in divergences.ALL:
        assert set(each.names) <= {*SEEN, "scripts"}, each.names
        assert each.differs and each.right and each.covered


def test_a_difference_is_noticed() -> None:
    assert differing({"runs": 2}, {"runs": 1, "retry": 0}) == ("runs",)
    assert differing({"runs": 1}, {"runs": 1, "retry": 0}) == ()
    assert differing([1], [2]) == ("all",)
