"""Rows and alarms of one object in the platform's database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.cloudflare import storage as module
from temporal_do.edge_adapter.cloudflare.storage import EARLY_MS_MAX, Storage
from temporal_do.runtime.host import Commit
from temporal_do.runtime.records import record
from tests.conformance.actors import cell, values

from .fake import FakeStorage

KEY = "Box/suite/a"
MS = 1_000_000


@record
class Text:
    value: str


@pytest.fixture
def binding() -> Iterator[FakeStorage]:
    made = FakeStorage()
    yield made
    made.close()


def text(key: str | int, value: str) -> Any:
    return ("t", key, Text(value=value))


keys = st.one_of(
    st.integers(-(10**24), 10**24),
    st.text(max_size=8),
    st.text(alphabet="abcXYZ019/:-~ \\\u00e9\u0000\ud800\U0001f600", max_size=5),
)
changes = st.lists(
    st.tuples(st.sampled_from(["t", "u v", "events:\u00e9", ""]), keys, st.none() | st.integers()),
    max_size=40,
)


@given(st.lists(changes, max_size=5))
def test_what_was_committed_is_loaded_each_table_in_key_order(commits: list[list[Any]]) -> None:
    binding = FakeStorage()
    expected: dict[str, dict[Any, int]] = {}
    try:
        storage = Storage(binding)
        for commit in commits:
            once = {(table, key): value for table, key, value in commit}
            rows = tuple(cell(table, key, value) for (table, key), value in once.items())
            storage.commit(KEY, Commit(rows, None))
            for (table, key), value in once.items():
                if value is None:
                    expected.get(table, {}).pop(key, None)
                else:
                    expected.setdefault(table, {})[key] = value
        for reader in (storage, Storage(binding)):
            found = values(reader.load())
            assert found == {table: rows for table, rows in expected.items() if rows}
            for rows in found.values():
                assert list(rows) == sorted(rows, key=lambda key: (type(key) is str, key))
    finally:
        binding.close()


def test_a_new_object_writes_nothing_until_its_first_commit(binding: FakeStorage) -> None:
    storage = Storage(binding)
    assert storage.load() == {}
    assert storage.identity == ""
    assert binding.sql.statements == 1, "one look whether there is a table"


def test_the_first_commit_stores_the_identity_even_without_rows(binding: FakeStorage) -> None:
    Storage(binding).commit(KEY, Commit((), 5 * MS))
    assert Storage(binding).identity == KEY
    assert Storage(binding).load() == {}


def test_a_row_above_the_platforms_limit_is_kept_in_parts(
    binding: FakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_LENGTH_MAX", 100)
    long = "".join(chr(97 + n % 26) for n in range(1234))
    storage = Storage(binding)
    storage.commit(KEY, Commit((text(1, long), text(2, "short"), text("x", long * 2)), None))
    assert values(Storage(binding).load()) == {"t": {1: long, 2: "short", "x": long * 2}}
    again = Storage(binding)
    again.load()
    again.commit(KEY, Commit((text(1, "now short"), text(2, long), ("t", "x", None)), None))
    assert values(Storage(binding).load()) == {"t": {1: "now short", 2: long}}
    again.commit(KEY, Commit((text(2, long[:300]),), None))
    assert values(Storage(binding).load()) == {"t": {1: "now short", 2: long[:300]}}


def test_many_rows_are_read_in_pages(binding: FakeStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    count = module.PAGE_SIZE * 2
    storage = Storage(binding)
    storage.commit(KEY, Commit(tuple(cell("t", n, n) for n in range(count)), None))
    assert list(values(Storage(binding).load())["t"]) == list(range(count))
    storage.commit(KEY, Commit((cell("t", count, 1),), None))
    assert len(values(Storage(binding).load())["t"]) == count + 1


def test_a_commit_that_fails_changes_neither_rows_nor_the_alarm(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), 20 * MS))
    binding.broken = "disk full"
    with pytest.raises(RuntimeError, match="disk full"):
        storage.commit(KEY, Commit((cell("t", 1, 2), cell("t", 2, 2)), 90_000 * MS))
    binding.broken = ""
    assert binding.alarm_ms == 20
    assert values(Storage(binding).load()) == {"t": {1: 1}}
    storage.commit(KEY, Commit((cell("t", 3, 3),), 90_000 * MS))
    assert binding.alarm_ms == 90_000, "it does not believe that the failed one was set"


def test_an_alarm_is_a_whole_millisecond_never_too_early(binding: FakeStorage) -> None:
    Storage(binding).commit(KEY, Commit((cell("t", 1, 1),), 20 * MS + 1))
    assert binding.alarms_set == [21]


def test_a_commit_that_does_not_move_the_alarm_does_not_write_it(binding: FakeStorage) -> None:
    storage = Storage(binding)
    for number in range(3):
        storage.commit(KEY, Commit((cell("t", number, 1),), 20 * MS))
    assert binding.alarms_set == [20]


def test_an_alarm_that_moves_by_a_little_rings_early_and_nobody_notices(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), 20 * MS))
    storage.commit(KEY, Commit((cell("t", 2, 1),), (20 + EARLY_MS_MAX) * MS))
    assert binding.alarms_set == [20]
    assert storage.rung(20)
    assert binding.alarms_set == [20, 20 + EARLY_MS_MAX]
    assert not storage.rung(20 + EARLY_MS_MAX)


def test_an_object_that_is_rung_while_it_is_in_memory_is_rung_once(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), 10_100 * MS), awake_ms=100)
    assert binding.alarms_set == [100 + module.AWAKE_MS]
    storage.commit(KEY, Commit((cell("t", 2, 1),), 10_130 * MS), awake_ms=130)
    assert not storage.rung(100 + module.AWAKE_MS, may_be_early=True)
    storage.commit(KEY, Commit((cell("t", 1, None),), 90_000 * MS), awake_ms=7_601)
    assert binding.alarms_set == [7_600, 90_000]


@pytest.mark.parametrize("alarm_ms", [100 + module.AWAKE_MS, 100 + module.AWAKE_UNTIL_MS])
def test_alarms_that_ring_sooner_or_much_later_are_left_as_they_are(
    binding: FakeStorage, alarm_ms: int
) -> None:
    Storage(binding).commit(KEY, Commit((cell("t", 1, 1),), alarm_ms * MS), awake_ms=100)
    assert binding.alarms_set == [alarm_ms]


def test_an_alarm_that_moves_far_or_to_an_earlier_moment_is_set(binding: FakeStorage) -> None:
    storage = Storage(binding)
    for number, alarm_ms in enumerate((50, 51 + EARLY_MS_MAX, 30)):
        storage.commit(KEY, Commit((cell("t", number, 1),), alarm_ms * MS))
    assert binding.alarms_set == [50, 51 + EARLY_MS_MAX, 30]


def test_no_alarm_deletes_the_one_that_is_set(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), None))
    storage.commit(KEY, Commit((cell("t", 2, 1),), 20 * MS))
    storage.commit(KEY, Commit((cell("t", 3, 1),), None))
    storage.commit(KEY, Commit((cell("t", 4, 1),), None))
    assert binding.alarms_set == [20, None]


def test_an_alarm_is_never_set_for_the_moment_of_one_that_has_rung(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), 20 * MS))
    assert not storage.rung(20)
    storage.commit(KEY, Commit((cell("t", 2, 1),), 20 * MS))
    storage.commit(KEY, Commit((cell("t", 3, 1),), 3 * MS))
    assert binding.alarms_set == [20, 21]


def test_an_alarm_that_is_asked_for_again_really_changes(binding: FakeStorage) -> None:
    storage = Storage(binding)
    storage.commit(KEY, Commit((cell("t", 1, 1),), 20 * MS))
    storage.commit(KEY, Commit((), 20 * MS))
    assert binding.alarms_set == [20, 21]


def test_an_object_that_was_loaded_sets_its_alarm_again(binding: FakeStorage) -> None:
    Storage(binding).commit(KEY, Commit((cell("t", 1, 1),), 20 * MS))
    Storage(binding).commit(KEY, Commit((cell("t", 2, 1),), 20 * MS))
    assert binding.alarms_set == [20, 20], "it may have been lost meanwhile"


def test_an_alarm_in_the_far_future_is_one_that_the_platform_takes(binding: FakeStorage) -> None:
    Storage(binding).commit(KEY, Commit((cell("t", 1, 1),), 10**19))
    assert binding.alarm_ms == module.ALARM_MS_MAX
