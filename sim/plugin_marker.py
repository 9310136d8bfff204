"""What ``@pytest.mark.chaos`` and the options of the command line ask for, and what of that is refused.

Owns the names and bounds of these; a refusal fails the test in words. Must not import: what runs a campaign.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import InvalidArgumentError
from .fault_text import parse_faults
from .faults import FaultPlan

SEEDS_DEFAULT = 100
_OPTIONS = ("seeds", "faults", "budget", "strategy", "strict", "allow_unreached", "heal_after", "settle")


@attrs.frozen(kw_only=True)
class Wanted:
    """What marker and options ask for."""

    seeds: int | None
    is_counted: bool
    """Somebody has said how many; if not, a strategy that has an end goes on to it."""
    budget_ns: int | None
    first_seed: int
    strategy: str
    strict: bool
    judges_reach: bool
    tape: str | None
    single: str | None
    """The one seed of --sim-seed, if it is no number."""


def options_of(item: pytest.Function) -> dict[str, Any]:
    """What the markers of ``item`` say, the nearest first."""
    options: dict[str, Any] = {}
    for marker in item.iter_markers("chaos"):
        if marker.args:
            pytest.fail(
                f"@pytest.mark.chaos of {item.nodeid} takes names only: chaos(seeds=50)", pytrace=False
            )
        unknown = [name for name in marker.kwargs if name not in _OPTIONS]
        if unknown:
            known = ", ".join(_OPTIONS)
            pytest.fail(
                f"@pytest.mark.chaos of {item.nodeid} knows no {unknown[0]!r}; there are: {known}",
                pytrace=False,
            )
        options = {**marker.kwargs, **options}
    seeds = options.get("seeds", 1)
    if isinstance(seeds, bool) or not isinstance(seeds, int | None) or (seeds is not None and seeds < 1):
        raise refused(item, f"seeds takes a number from 1 on, not {seeds!r}")
    return options


def refused(item: pytest.Item, why: object) -> BaseException:
    """The failure of a test whose marker or options make no sense."""
    return pytest.fail.Exception(f"@pytest.mark.chaos of {item.nodeid}: {why}", pytrace=False)


def check_kind(item: pytest.Item) -> None:
    """Fail a test that has the marker and can't take ``sim``, rather than run it as if it had none."""
    case = getattr(item, "cls", None)
    if not isinstance(item, pytest.Function) or (case is not None and hasattr(case, "assertEqual")):
        raise refused(
            item, "it needs an 'async def' test that takes 'sim', and methods of a TestCase take no fixtures"
        )


def plan_of(given: FaultPlan | str | None) -> FaultPlan:
    """The faults that ``faults=`` means. Raises InvalidArgumentError."""
    if isinstance(given, FaultPlan):
        return given
    if not isinstance(given, str | None):
        raise InvalidArgumentError(f"faults takes a FaultPlan or a text such as 'crashes', not {given!r}")
    return FaultPlan() if given is None else parse_faults(given)


def wanted_of(item: pytest.Function) -> Wanted:
    """What the marker of ``item`` and the options of the command line say together."""
    options = options_of(item)
    config = item.config
    budget: DurationLike | None = config.getoption("--chaos-budget") or options.get("budget")
    seeds = config.getoption("--chaos-seeds") or options.get("seeds")
    counted = seeds is not None
    if seeds is None and budget is None:
        seeds = SEEDS_DEFAULT
    chosen = config.getoption("--sim-seed")
    number = chosen is not None and re.fullmatch(r"-?\d+", chosen)
    many = config.getoption("--chaos-seeds") is not None or config.getoption("--chaos-budget") is not None
    one = chosen is not None and not many
    try:
        budget_ns = None if budget is None else parse_duration(budget, name="budget")
        if budget_ns is not None and budget_ns < 1:
            raise InvalidArgumentError(f"budget takes a time above 0, not {budget!r}")
    except InvalidArgumentError as error:
        raise refused(item, error) from None
    return Wanted(
        seeds=1 if one else seeds,
        is_counted=counted and not one,
        budget_ns=None if one else budget_ns,
        first_seed=int(chosen) if number else 0,
        strategy=options.get("strategy") or ("swarm" if options.get("faults") is None else "random"),
        strict=bool(options.get("strict", False) or config.getoption("--sim-strict")),
        judges_reach=not one and not options.get("allow_unreached", False),
        tape=config.getoption("--chaos-tape"),
        single=None if number else chosen,
    )
