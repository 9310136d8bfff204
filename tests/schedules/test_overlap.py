"""The overlap table: total, and in every row what its policy promises."""

from __future__ import annotations

from itertools import product

import pytest

from temporal_do.runtime.schedules.overlap import DECISIONS, Decision, OverlapPolicy, decide


def test_the_table_has_every_row_and_no_other() -> None:
    assert set(DECISIONS) == set(product(OverlapPolicy, (False, True), (False, True)))
    assert set(DECISIONS.values()) == set(Decision)


@pytest.mark.parametrize("policy", OverlapPolicy)
def test_with_nothing_running_and_nothing_waiting_every_policy_starts(policy: OverlapPolicy) -> None:
    assert decide(policy, running=False, waiting=False) is Decision.START


@pytest.mark.parametrize(
    "policy", [policy for policy in OverlapPolicy if policy is not OverlapPolicy.ALLOW_ALL]
)
@pytest.mark.parametrize(("running", "waiting"), [(True, False), (True, True), (False, True)])
def test_only_allow_all_starts_beside_or_ahead_of_another(
    policy: OverlapPolicy, running: bool, waiting: bool
) -> None:
    assert decide(policy, running=running, waiting=waiting) is not Decision.START
    assert decide(OverlapPolicy.ALLOW_ALL, running=running, waiting=waiting) is Decision.START


def test_buffer_one_takes_one_and_buffer_all_takes_any_number() -> None:
    assert decide(OverlapPolicy.BUFFER_ONE, running=True, waiting=False) is Decision.BUFFER
    assert decide(OverlapPolicy.BUFFER_ONE, running=True, waiting=True) is Decision.DROP
    assert decide(OverlapPolicy.BUFFER_ALL, running=True, waiting=True) is Decision.BUFFER
