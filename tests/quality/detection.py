"""What the tests of planted bugs say at their end: after how many seeds the bugs were found."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

SEEDS = "seeds_to_detection"
"""The property of a report: how many seeds were run, the one that failed included."""


def told(reports: Iterable[Any]) -> str:
    """One line about the bugs that were found in ``reports``; "" if there are none."""
    seeds = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == SEEDS and report.when == "call"
    ]
    if not seeds:
        return ""
    return (
        f"planted bugs: {len(seeds)} found, seeds to detection: median {median(seeds):g}, most {max(seeds)}"
    )
