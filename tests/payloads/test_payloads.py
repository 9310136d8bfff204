"""Values as payloads: what is accepted, the bytes it becomes, and the shape it comes back in."""

from __future__ import annotations

import collections.abc
import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import InvalidArgumentError, PayloadTooLargeError
from temporal_do.runtime.history import Payload
from temporal_do.runtime.payloads import DataConverter, hints_of, text_payload

T = TypeVar("T")
OrderId = NewType("OrderId", str)
converter = DataConverter()


class Size(enum.Enum):
    SMALL = 1
    PAIR = (1, 2)
    DAY = date(2024, 1, 1)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Status(enum.StrEnum):
    OPEN = "open"


class Point(NamedTuple):
    x: int
    label: str = ""


class Address(TypedDict):
    street: str
    since: NotRequired[date]


@attrs.define
class Item:
    name: str
    price: Decimal = Decimal("0")
    _hidden: int = 0


@attrs.frozen
class Order:
    id: OrderId
    items: list[Item]
    placed: datetime
    status: Status = Status.OPEN
    parent: Order | None = None
    total: int = attrs.field(init=False, default=0)


@dataclass
class Parcel:
    to: Address
    weights: dict[int, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass
class Box(Generic[T]):
    content: T
    others: list[T] = field(default_factory=list)


class Opaque:
    pass


class Name(str):
    pass


@pytest.mark.parametrize(
    ("value", "encoding", "data"),
    [
        (None, b"binary/null", b""),
        (b"\x00\xff", b"binary/plain", b"\x00\xff"),
        (5, b"json/plain", b"5"),
        ("ü", b"json/plain", '"ü"'.encode()),
        ({"b": 1, "a": [True, None]}, b"json/plain", b'{"b":1,"a":[true,null]}'),
        ((1, b"x"), b"json/plain", b'[1,"eA=="]'),
        (Status.OPEN, b"json/plain", b'"open"'),
        (Level.HIGH, b"json/plain", b"2"),
        (timedelta(minutes=1), b"json/plain", b"60"),
        (timedelta(milliseconds=1500), b"json/plain", b"1.5"),
        (Item("a", Decimal("1.10"), 3), b"json/plain", b'{"name":"a","price":"1.10","_hidden":3}'),
        ({1: "a"}, b"json/plain", b'{"1":"a"}'),
    ],
    ids=str,
)
def test_the_bytes_of_a_value_are_temporals(value: Any, encoding: bytes, data: bytes) -> None:
    assert converter.to_payload(value) == Payload(metadata={"encoding": encoding}, data=data)


ORDER = Order(
    OrderId("o-1"),
    [Item("a", Decimal("1.5")), Item("b")],
    datetime(2024, 5, 1, 12, tzinfo=UTC),
    parent=Order(OrderId("o-0"), [], datetime(2024, 1, 1)),
)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (None, None),
        (None, Optional[int]),  # noqa: UP045
        (5, int),
        (5.0, float),
        ("x", str),
        (True, bool),
        (b"x", bytes),
        ([b"x"], list[bytes]),
        ([1, 2], list[int]),
        ((1, "a"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        ((), tuple[()]),
        ({"a": ORDER}, dict[str, Order]),
        ({1: 1.5}, dict[int, float]),
        ({Level.LOW: "x"}, dict[Level, str]),
        ({"a": [1]}, collections.abc.Mapping[str, collections.abc.Sequence[int]]),
        (ORDER, Order),
        (ORDER, Order | None),
        (Parcel(to={"street": "x", "since": date(2024, 1, 1)}, weights={1: 0.5}), Parcel),
        (Point(1, "a"), Point),
        (Size.SMALL, Size),
        (Size.PAIR, Size),
        (Size.DAY, Size),
        (Level.HIGH, Level),
        (Status.OPEN, Literal[Status.OPEN]),
        ("a", Literal["a", "b"]),
        (datetime(2024, 5, 1, 12, 30, 15, 250000), datetime),
        (date(2024, 5, 1), date),
        (time(12, 30), time),
        (timedelta(days=1, microseconds=5), timedelta),
        (UUID(int=5), UUID),
        (Decimal("1.10"), Decimal),
        (OrderId("x"), OrderId),
        (5, Annotated[int, "metadata"]),
        (5, int | str),
        ("5", int | str),
        (Item("a"), Item | Parcel),
        (Parcel(to={"street": "s"}), Union[Item, Parcel]),  # noqa: UP007
        (date(2024, 5, 1), date | None),
        (Box(Item("a"), [Item("b")]), Box[Item]),
        (Name("x"), Name),
        ({"x": 1}, dict),
        ([1], list),
        ("anything", Opaque),
        ("anything", T),
        ("anything", object),
    ],
    ids=str,
)
def test_a_value_comes_back_as_its_hint_says(value: Any, hint: Any) -> None:
    back = converter.from_payload(converter.to_payload(value), hint)
    assert back == value
    assert type(back) is type(value)


def test_a_set_is_made_from_a_list_where_the_hint_asks_for_it() -> None:
    assert converter.from_payload(converter.to_payload([1, 2, 2]), set[int]) == {1, 2}


def test_unknown_keys_of_an_object_are_ignored() -> None:
    payload = converter.to_payload({"name": "a", "added_later": 1})
    assert converter.from_payload(payload, Item) == Item("a")


def test_the_union_member_that_fits_all_keys_is_taken() -> None:
    @dataclass
    class Short:
        a: int

    @dataclass
    class Long:
        a: int
        b: int

    for value in (Short(1), Long(1, 2)):
        for hint in (Union[Short, Long], Union[Long, Short]):  # noqa: UP007
            assert converter.from_payload(converter.to_payload(value), hint) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "args[0] is a set, whose order differs"),
        (
            Opaque(),
            "args[0] is of type tests.payloads.test_payloads.Opaque, which has no encoding; accepted: None",
        ),
        (Path("x"), "which has no encoding"),
        (float("nan"), "args[0] is nan, which JSON cannot hold"),
        ({"a b": [1, {"c": float("inf")}]}, "args[0]['a b'][1].c is inf"),
        ({(1, 2): 3}, "args[0] has a key of type tuple"),
        (
            Order(OrderId("x"), [Item("a"), Item("b", Opaque())], ORDER.placed),
            "args[0].items[1].price is of type",
        ),  # type: ignore[arg-type]
        (Box(frozenset({"a"})), "args[0].content is a frozenset"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_encoded_is_named_by_its_path(value: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        converter.to_payloads([value])
    assert message in str(caught.value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    with pytest.raises(InvalidArgumentError, match=r"value\[1\].again contains itself"):
        converter.to_payload(loop)


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidArgumentError, match="nested too deeply"):
        converter.to_payload(deep)


def test_a_value_that_is_too_large_is_refused_with_both_sizes() -> None:
    with pytest.raises(
        PayloadTooLargeError, match="args\\[1\\] is 2,097,154 bytes|more than the limit"
    ) as caught:
        converter.to_payloads([1, "x" * (2 * 1024 * 1024)])
    assert caught.value.limit_bytes == 2 * 1024 * 1024
    assert caught.value.size_bytes > caught.value.limit_bytes
    small = DataConverter(payload_bytes_max=30)
    assert small.to_payload("x")
    with pytest.raises(PayloadTooLargeError):
        small.to_payload(b"x" * 30)


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        ("a", int, "args[0] is 'a', expected int"),
        (1.5, int, "args[0] is 1.5, expected int"),
        (True, int, "args[0] is True, expected int"),
        (1, str, "args[0] is 1, expected str"),
        (1, bool, "expected bool"),
        ({"a": ["x"]}, dict[str, list[int]], "args[0]['a'][0] is 'x', expected int"),
        ([1], tuple[int, int], "expected a list of 2"),
        ("x", datetime, "expected datetime in ISO 8601"),
        ({"price": "1"}, Item, "args[0] lacks 'name', a field of Item"),
        ({"since": "2024-01-01"}, Address, "args[0] lacks 'street', a key of Address"),
        ({"id": 1, "items": [], "placed": "2024-01-01"}, Order, "args[0].id is 1, expected str"),
        (9, Size, "expected a Size: one of 1, (1, 2), datetime.date(2024, 1, 1)"),
        ("c", Literal["a", "b"], "expected one of 'a', 'b'"),
        ({}, int | str, "expected int or str"),
        (1, None, "expected None"),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_its_hint_is_named_by_its_path(value: Any, hint: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        converter.from_payloads(converter.to_payloads([value]), [hint])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (Payload(metadata={"encoding": b"binary/encrypted"}), "encoded as 'binary/encrypted'"),
        (Payload(data=b"5"), "encoded as nothing"),
        (Payload(metadata={"encoding": b"json/plain"}, data=b"{"), "not JSON"),
        (Payload(metadata={"encoding": b"json/plain"}, data=b"\xff"), "not JSON"),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_a_payload_that_cannot_be_read_is_refused(payload: Payload, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        converter.from_payload(payload)


def test_protobuf_as_json_is_read_as_json() -> None:
    payload = Payload(metadata={"encoding": b"json/protobuf", "messageType": b"a.B"}, data=b'{"x":1}')
    assert converter.from_payload(payload) == {"x": 1}


def test_arguments_beyond_the_hints_are_untyped_and_missing_ones_are_missing() -> None:
    payloads = converter.to_payloads([1, {"a": 1}])
    assert converter.from_payloads(payloads, [int]) == (1, {"a": 1})
    assert converter.from_payloads(payloads[:1], [int, str, str]) == (1,)
    assert converter.from_payloads(None, [int]) == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_any_json_value_comes_back_equal(value: Any) -> None:
    assert converter.from_payload(converter.to_payload(value)) == value


@given(json_values)
def test_temporals_own_converter_reads_our_payloads_and_we_read_its(value: Any) -> None:
    theirs = pytest.importorskip(
        "temporalio.converter", reason="Temporal's converter is the oracle"
    ).default()
    common = pytest.importorskip("temporalio.api.common.v1")
    ours = converter.to_payload(value)
    wire = common.Payload(metadata=dict(ours.metadata), data=ours.data)
    assert theirs.payload_converter.from_payloads([wire]) == [value]
    (other,) = theirs.payload_converter.to_payloads([value])
    assert converter.from_payload(Payload(metadata=dict(other.metadata), data=other.data)) == value


def test_half_a_surrogate_pair_is_text_too() -> None:
    assert converter.from_payload(converter.to_payload("\ud800")) == "\ud800"


def test_text_is_a_payload_of_json() -> None:
    assert text_payload("a") == converter.to_payload("a")


def test_the_hints_of_a_function_are_those_of_its_positional_parameters_in_order() -> None:
    def workflow(ctx: Any, order: Order, count: int = 1, *rest: int, flag: bool = False) -> list[Item]:
        return []

    def shadowing(context: Order, x: int) -> None: ...

    def bare(a, b=1):  # type: ignore[no-untyped-def]
        return a

    assert hints_of(workflow) == ((Any, Order, int), list[Item])
    assert hints_of(workflow) is hints_of(workflow)
    assert hints_of(bare) == ((Any, Any), Any)
    assert hints_of(shadowing)[0] == (Order, int)


def test_an_annotation_that_cannot_be_resolved_is_any_and_the_others_stay() -> None:
    def function(a: NotThere, b: int) -> AlsoNot: ...  # type: ignore[name-defined]  # noqa: F821

    assert hints_of(function) == ((Any, int), Any)


def test_methods_and_callables_have_hints_too() -> None:
    class Shop:
        async def charge(self, amount: int) -> str:
            return ""

        def __call__(self, x: str) -> int:
            return 0

    assert hints_of(Shop().charge) == ((int,), str)
    assert hints_of(Shop.charge) == ((int,), str)
    assert hints_of(Shop()) == ((str,), int)
    assert hints_of(len) == ((Any,), Any)
