"""The HistoryDO: an append-only archive that takes every event once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.actor import Ok, Refusal
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.history import EventType, HistoryEvent, TimerFired
from temporal_do.runtime.keys import HISTORY, history_key
from temporal_do.runtime.messages.history import AppendEvents, ReadArchive, ReadVersions

from .driver import Driver

NOW = 1_767_225_600 * 10**9


def events(first: int, last: int) -> tuple[HistoryEvent, ...]:
    return tuple(
        HistoryEvent(
            event_id=event_id,
            event_time=NOW + event_id,
            event_type=EventType.TIMER_FIRED,
            attributes=TimerFired(timer_id=str(event_id), started_event_id=1),
        )
        for event_id in range(first, last + 1)
    )


def append(first: int, last: int, **changes: Any) -> AppendEvents:
    fields = {"namespace": "default", "workflow_id": "order/1", "run_id": "r1", "events": events(first, last)}
    return AppendEvents(**{**fields, **changes})


def archive() -> Driver:
    return Driver(ACTORS[HISTORY], history_key("default", "r1"), now=NOW)


def test_appending_twice_changes_nothing() -> None:
    driver = archive()
    assert driver.send(append(1, 3)) == Ok()
    tables = {name: dict(table) for name, table in driver.tables.items()}
    driver.now += 5
    assert driver.send(append(1, 3)) == Ok()
    assert driver.tables == tables
    assert driver.send(ReadArchive()).events == events(1, 3)


def test_an_overlapping_batch_adds_only_what_is_new() -> None:
    driver = archive()
    driver.send(append(1, 3))
    driver.send(append(2, 5, closed=True))
    reply = driver.send(ReadArchive())
    assert (reply.events, reply.closed, reply.last_event_id) == (events(1, 5), True, 5)
    assert (reply.run_id, reply.workflow_id) == ("r1", "order/1")


def test_a_gap_is_refused_for_now_and_says_what_is_missing() -> None:
    driver = archive()
    driver.send(append(1, 2))
    reply = driver.send(append(4, 5))
    assert type(reply) is Refusal
    assert (reply.code, reply.retryable, reply.fields) == ("gap", True, {"expected_event_id": 3})
    broken = append(3, 6)
    reply = driver.send(append(3, 6, events=broken.events[:1] + broken.events[2:]))
    assert type(reply) is Refusal and reply.code == "gap"
    assert driver.send(ReadArchive()).last_event_id == 2


def test_events_of_another_run_are_refused() -> None:
    driver = archive()
    driver.send(append(1, 2))
    reply = driver.send(append(3, 4, run_id="r2"))
    assert type(reply) is Refusal and reply.code == "wrong_run"


def test_closing_without_new_events_is_kept_and_adds_no_version() -> None:
    driver = archive()
    driver.send(append(1, 2))
    driver.send(append(1, 2, closed=True))
    reply = driver.send(ReadVersions())
    assert (reply.closed, len(reply.versions)) == (True, 1)
    driver.send(append(1, 2))
    assert driver.send(ReadArchive()).closed


def test_the_version_log_names_the_file_and_how_far_each_version_went() -> None:
    driver = archive()
    driver.send(append(1, 2))
    driver.now += 60
    driver.send(append(3, 7))
    versions = driver.send(ReadVersions()).versions
    assert [(v.number, v.last_event_id, v.appended_ns - NOW) for v in versions] == [(1, 2, 0), (2, 7, 60)]
    assert {v.path for v in versions} == {"/.temporal/workflows/order%2F1/history.json"}


def test_reading_can_be_paged() -> None:
    driver = archive()
    driver.send(append(1, 10))
    seen: list[int] = []
    while True:
        page = driver.send(ReadArchive(after_event_id=len(seen), event_count_max=4))
        seen += [event.event_id for event in page.events]
        if seen[-1] == page.last_event_id:
            break
    assert seen == list(range(1, 11))
    assert driver.send(ReadArchive(after_event_id=99)).events == ()


def test_an_empty_archive_says_so() -> None:
    driver = archive()
    for message in (ReadArchive(), ReadVersions()):
        reply = driver.send(message)
        assert type(reply) is Refusal and reply.code == "not_found"
    assert driver.alarm_ns is None


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 5), st.booleans()), max_size=20))
def test_under_any_batches_the_archive_is_a_prefix_without_gaps(batches: list[tuple[int, int, bool]]) -> None:
    driver = archive()
    last = 0
    for first, length, lose_memory in batches:
        reply = driver.send(append(first, first + length))
        if first <= last + 1:
            assert reply == Ok()
            last = max(last, first + length)
        else:
            assert type(reply) is Refusal
        if lose_memory:
            driver.reload()
        if last:
            assert driver.send(ReadArchive()).events == events(1, last)
