"""The scheduler: lanes, the clock, timers that move."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.sim.choices import Choices
from temporal_do.sim.scheduler import AFTERWARDS, LANES_MAX, Scheduler, Timer


def _scheduler(seed: int = 0, *, explore: bool = True) -> Scheduler:
    return Scheduler(1_000, Choices(seed, explore=explore).stream("schedule"))


def _run(scheduler: Scheduler) -> None:
    while (event := scheduler.take()) is not None:
        event[1](*event[2])


@given(seed=st.integers(), lanes=st.lists(st.integers(0, 12), max_size=100))
def test_a_lane_is_first_in_first_out_under_any_choices(seed: int, lanes: list[int]) -> None:
    scheduler = _scheduler(seed)
    seen: dict[int, list[int]] = defaultdict(list)
    for index, lane in enumerate(lanes):
        scheduler.post(lane, lambda lane, index: seen[lane].append(index), lane, index)
    _run(scheduler)
    assert sum(map(len, seen.values())) == len(lanes)
    assert all(found == sorted(found) for found in seen.values())


def test_the_benign_order_is_the_order_of_posting() -> None:
    scheduler = _scheduler(explore=False)
    seen: list[int] = []
    for index in range(200):
        scheduler.post(index % 5, seen.append, index)
    _run(scheduler)
    assert seen == list(range(200))


def test_the_seed_chooses_among_the_heads_of_the_first_lanes_only() -> None:
    firsts = set()
    for seed in range(200):
        scheduler = _scheduler(seed)
        for index in range(20):
            scheduler.post(index, lambda: None)
        event = scheduler.take()
        assert event is not None
        firsts.add(event[0])
    assert firsts == set(range(LANES_MAX))


@given(
    seed=st.integers(),
    plan=st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["keep", "cancel", "move"])), max_size=60),
    moved_by=st.integers(-60, 60),
)
def test_a_timer_fires_once_at_its_time_and_never_when_cancelled(
    seed: int, plan: list[tuple[int, str]], moved_by: int
) -> None:
    scheduler = _scheduler(seed)
    fired: list[tuple[int, int]] = []
    expected: dict[int, int] = {}
    for index, (delay, action) in enumerate(plan):
        timer = scheduler.at(1_000 + delay, lambda index: fired.append((index, scheduler.now())), index)
        if action == "cancel":
            timer.cancel()
            timer.cancel()
        else:
            if action == "move":
                delay = max(0, delay + moved_by)
                timer.move(1_000 + delay)
            expected[index] = 1_000 + delay
    _run(scheduler)
    assert dict(fired) == expected
    assert len(fired) == len(expected)
    assert [at for _, at in fired] == sorted(at for _, at in fired)


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    scheduler = _scheduler()
    scheduler.at(5_000, lambda: None).cancel()
    assert scheduler.take() is None
    assert scheduler.now() == 1_000


def test_a_timer_that_was_moved_later_does_not_stop_the_clock_at_its_old_time() -> None:
    scheduler = _scheduler()
    seen: list[int] = []
    timer = scheduler.at(2_000, lambda: seen.append(scheduler.now()))
    timer.move(3_000)
    scheduler.on_advance = seen.append
    _run(scheduler)
    assert seen == [3_000, 3_000]


def test_a_timer_can_be_used_again_after_it_fired_or_was_cancelled() -> None:
    scheduler = _scheduler()
    seen: list[int] = []
    timer = scheduler.at(2_000, lambda: seen.append(scheduler.now()))
    _run(scheduler)
    timer.move(4_000)
    timer.cancel()
    timer.move(3_000)
    _run(scheduler)
    assert seen == [2_000, 3_000]


def test_a_timer_cancelled_by_an_event_of_the_same_instant_does_not_fire() -> None:
    for seed in range(20):
        scheduler = _scheduler(seed)
        seen: list[str] = []
        timers: list[Timer] = []

        def cancel_other(index: int, timers: list[Timer] = timers, seen: list[str] = seen) -> None:
            seen.append("fired")
            timers[1 - index].cancel()

        timers += [scheduler.at(2_000, cancel_other, index) for index in range(2)]
        _run(scheduler)
        assert seen == ["fired"]


def test_what_is_ranked_afterwards_waits_for_everything_at_its_instant() -> None:
    for seed in range(30):
        scheduler = _scheduler(seed)
        seen: list[str] = []

        def chain(left: int, scheduler: Scheduler = scheduler, seen: list[str] = seen) -> None:
            seen.append("work")
            if left:
                scheduler.post("lane", chain, left - 1)

        scheduler.at(2_000, seen.append, "afterwards", rank=AFTERWARDS)
        scheduler.at(2_000, chain, 3)
        scheduler.at(2_000, chain, 0)
        _run(scheduler)
        assert seen == ["work"] * 5 + ["afterwards"]


def test_nothing_happens_beyond_the_limit() -> None:
    scheduler = _scheduler()
    seen: list[int] = []
    for at in (2_000, 3_000):
        scheduler.at(at, seen.append, at)
    scheduler.limit_ns = 2_500
    _run(scheduler)
    assert (seen, scheduler.now(), scheduler.next_ns()) == ([2_000], 2_000, 3_000)
    scheduler.limit_ns = None
    _run(scheduler)
    assert seen == [2_000, 3_000]


def test_cancelled_timers_are_swept_out_of_memory() -> None:
    scheduler = _scheduler()
    for index in range(50_000):
        scheduler.at(10_000 + index, lambda: None).cancel()
    assert len(scheduler._heap) < 3_000
    assert scheduler.take() is None
