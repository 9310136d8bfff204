"""The record codec: everything comes back equal, newer things are refused, nothing is guessed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime import records
from temporal_do.runtime.errors import HostError, InvariantViolation, NewerSchemaError
from temporal_do.runtime.failures import RetryState
from temporal_do.runtime.history import EventType, HistoryEvent, TimerStarted
from temporal_do.runtime.records import EMPTY, decode, encode, evolve, record, upgrade


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@record
class SampleLeaf:
    """A record with one of everything."""

    number: int = 0
    text: str = ""
    data: bytes = b""
    flag: bool = False
    ratio: float = 0.0
    note: str | None = None


@record
class SampleTree:
    """A record that holds others."""

    name: str
    colour: Colour = Colour.RED
    colours: tuple[Colour, ...] = ()
    state: RetryState | None = None
    leaf: SampleLeaf | None = None
    children: tuple[SampleTree, ...] = ()
    table: Mapping[str, Any] = attrs.field(default=EMPTY, hash=False)
    anything: Any = None
    made: tuple[int, ...] = attrs.field(factory=lambda: (1, 2))


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Registrations made by a test do not outlive it."""
    tables = (records._CLASSES, records._UPGRADES, records._UNPACKERS)
    before = [dict(table) for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


leaves = st.builds(
    SampleLeaf,
    number=st.integers(),
    text=st.text(),
    data=st.binary(),
    flag=st.booleans(),
    ratio=st.floats(allow_nan=False),
    note=st.none() | st.text(),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.just("~"), inner, max_size=3)
    ),
    max_leaves=8,
)
trees = st.recursive(
    st.builds(
        SampleTree, name=st.text(), anything=values, table=st.dictionaries(st.text(max_size=3), values)
    ),
    lambda inner: st.builds(
        SampleTree,
        name=st.text(),
        colour=st.sampled_from(Colour),
        colours=st.lists(st.sampled_from(Colour)).map(tuple),
        state=st.none() | st.sampled_from(RetryState),
        leaf=st.none() | leaves,
        children=st.lists(inner, max_size=2).map(tuple),
        made=st.lists(st.integers(), max_size=2).map(tuple),
    ),
    max_leaves=4,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if attrs.has(type(left)):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in attrs.fields(type(left)))
    return bool(left == right)


@given(trees)
def test_a_record_comes_back_equal_and_of_the_same_types(tree: SampleTree) -> None:
    assert same(decode(encode(tree)), tree)


@given(values)
def test_any_value_a_record_may_hold_comes_back(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(trees)
def test_encoding_depends_on_nothing_but_the_value(tree: SampleTree) -> None:
    assert encode(decode(encode(tree))) == encode(tree)


def test_lists_come_back_as_tuples() -> None:
    assert decode(encode([1, [2, {"a": [3]}]])) == (1, (2, {"a": (3,)}))


def test_fields_at_their_defaults_take_no_space() -> None:
    assert encode(SampleLeaf()) == b'{"~":"SampleLeaf"}'
    assert encode(SampleTree(name="x")) == b'{"~":"SampleTree","name":"x"}'


def test_the_bytes_are_plain_json() -> None:
    event = HistoryEvent(
        event_id=5, event_type=EventType.TIMER_STARTED, attributes=TimerStarted(timer_id="1")
    )
    assert json.loads(encode(event)) == {
        "~": "HistoryEvent",
        "event_id": 5,
        "event_type": "EVENT_TYPE_TIMER_STARTED",
        "attributes": {"~": "TimerStarted", "timer_id": "1"},
    }


def test_buffers_of_any_kind_are_decoded() -> None:
    data = encode(SampleLeaf(number=3))
    for form in (data, bytearray(data), memoryview(data), data.decode()):
        assert decode(form) == SampleLeaf(number=3)


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        {"a": {None: 2}},
        ({"a": ({2: 3},)},),
        {1, 2},
        object(),
        SampleTree(name="", table={"a": {5: 5}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_could_not_be_read_back_is_refused(value: Any) -> None:
    with pytest.raises(InvariantViolation, match="cannot be stored"):
        encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"~":"SampleOfTheFuture","x":1}',
        b'{"~":"SampleLeaf@2","number":1}',
        b'{"~":"SampleLeaf","number":1,"colour":"red"}',
        b'[1,{"a":{"~":"SampleLeaf@7"}}]',
    ],
)
def test_what_a_newer_version_wrote_is_refused_as_retryable(data: bytes) -> None:
    with pytest.raises(NewerSchemaError, match="a newer version") as caught:
        decode(data)
    assert isinstance(caught.value, HostError)
    assert caught.value.fault == "host"


@pytest.mark.usefixtures("forgotten")
def test_an_older_record_is_upgraded_step_by_step() -> None:
    @record
    class SampleGrown:
        schema: ClassVar[int] = 3
        first_name: str = ""
        age_years: int = 0

    @upgrade("SampleGrown", 1)
    def _(fields: dict[str, Any]) -> dict[str, Any]:
        return {"first_name": fields.get("name", ""), "age": fields.get("age", 0)}

    @upgrade("SampleGrown", 2)
    def _(fields: dict[str, Any]) -> dict[str, Any]:
        return {"first_name": fields.get("first_name", ""), "age_years": fields.get("age", 0)}

    grown = SampleGrown(first_name="Ada", age_years=36)
    assert encode(grown) == b'{"~":"SampleGrown@3","first_name":"Ada","age_years":36}'
    assert decode(b'{"~":"SampleGrown","name":"Ada","age":36}') == grown
    assert decode(b'{"~":"SampleGrown@2","first_name":"Ada","age":36}') == grown
    assert decode(encode(grown)) == grown


@pytest.mark.usefixtures("forgotten")
def test_a_missing_upgrade_is_our_own_fault() -> None:
    @record
    class SampleOrphan:
        schema: ClassVar[int] = 2
        x: int = 0

    assert SampleOrphan().x == 0
    with pytest.raises(InvariantViolation, match="no upgrade of SampleOrphan from schema 1"):
        decode(b'{"~":"SampleOrphan"}')


@pytest.mark.usefixtures("forgotten")
def test_two_records_of_one_name_are_refused() -> None:
    with pytest.raises(InvariantViolation, match="two records are named SampleLeaf"):

        @record
        class SampleLeaf:
            x: int = 0


def test_records_are_frozen_and_keyword_only() -> None:
    leaf: Any = SampleLeaf(number=1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        leaf.number = 2
    with pytest.raises(TypeError):
        SampleLeaf(1)  # type: ignore[misc]
    assert hash(leaf) == hash(SampleLeaf(number=1))


def test_evolve_changes_a_copy() -> None:
    leaf = SampleLeaf(number=1, text="a")
    assert evolve(leaf, number=2) == SampleLeaf(number=2, text="a")
    assert leaf.number == 1


def test_a_record_shows_only_what_is_set() -> None:
    assert repr(SampleLeaf(number=1, note="x")) == "SampleLeaf(number=1, note='x')"


def test_a_record_whose_module_was_not_imported_yet_is_found() -> None:
    program = (
        "from temporal_do.runtime.history.events import HistoryEvent\n"
        "from temporal_do.runtime.records import decode\n"
        'value = decode(b\'[{"~":"NexusOperationStarted","operation_id":"x"}]\')[0]\n'
        "print(value.operation_id)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "x\n"
