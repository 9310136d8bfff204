"""Every field of every event type survives: events are generated from Temporal's own descriptors."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.history import (
    ATTRIBUTES,
    History,
    attributes_class,
    read_event,
    read_history,
    write_event,
    write_history,
)
from temporal_do.runtime.records import decode, encode

history_pb = pytest.importorskip("temporalio.api.history.v1", reason="Temporal's protobuf is the oracle")
json_format = pytest.importorskip("google.protobuf.json_format")

TEXTS = ["a", "ключ", "with space", "~", "1", "\U0001f600", "\x00", '"']


def fill(message: Any, dice: random.Random, depth: int) -> None:
    """Set about half of the message's fields, at most one of each oneof."""
    chosen: set[str] = set()
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if dice.random() < 0.5 or (oneof is not None and oneof.name in chosen):
            continue
        if field.name.endswith("_event_attributes"):
            continue
        if oneof is not None:
            chosen.add(oneof.name)
        set_field(message, field, dice, depth)


def set_field(message: Any, field: Any, dice: random.Random, depth: int) -> None:
    target = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value_type = field.message_type.fields_by_name["value"]
        for name in dice.sample(TEXTS, dice.randrange(3)):
            if value_type.message_type is None:
                target[name] = scalar(value_type, dice)
            else:
                target[name].SetInParent()
                fill_message(target[name], dice, depth - 1)
    elif field.is_repeated:
        for _ in range(dice.randrange(3)):
            if field.message_type is None:
                target.append(scalar(field, dice))
            else:
                fill_message(target.add(), dice, depth - 1)
    elif field.message_type is not None:
        target.SetInParent()
        fill_message(target, dice, depth - 1)
    else:
        setattr(message, field.name, scalar(field, dice))


def fill_message(message: Any, dice: random.Random, depth: int) -> None:
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = dice.choice([0, 1, 1_700_000_000, -1, -62135596800, 253402300799])
        message.nanos = dice.choice([0, 1, 500_000_000, 123_456_000, 999_999_999])
    elif name == "google.protobuf.Duration":
        sign = dice.choice([1, 1, -1])
        message.seconds = sign * dice.choice([0, 1, 3600, 315_576_000_000 - 1])
        message.nanos = sign * dice.choice([0, 1, 500_000_000, 123_456_000])
    elif depth > 0:
        fill(message, dice, depth)


def scalar(field: Any, dice: random.Random) -> Any:
    if field.enum_type is not None:
        return dice.choice([value.number for value in field.enum_type.values])
    kinds = {
        field.CPPTYPE_INT32: [0, 1, -1, 2**31 - 1, -(2**31)],
        field.CPPTYPE_UINT32: [0, 1, 2**32 - 1],
        field.CPPTYPE_INT64: [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
        field.CPPTYPE_DOUBLE: [0.0, 1.0, 2.0, 0.1, 1e300, -1.5, float("inf")],
        field.CPPTYPE_FLOAT: [0.0, 1.0, 0.5, -2.25],
        field.CPPTYPE_BOOL: [True, False],
    }
    if field.cpp_type in kinds:
        return dice.choice(kinds[field.cpp_type])
    return dice.randbytes(dice.randrange(5)) if field.type == field.TYPE_BYTES else dice.choice(TEXTS)


def make_event(event_type: str, seed: int) -> Any:
    dice = random.Random(seed)
    event = history_pb.HistoryEvent()
    fill(event, dice, 3)
    event.event_type = event_type
    name = event_type.removeprefix("EVENT_TYPE_").lower() + "_event_attributes"
    getattr(event, name).SetInParent()
    fill(getattr(event, name), dice, 4)
    return event


def test_the_table_of_event_types_is_temporals() -> None:
    names = set(history_pb.HistoryEvent.DESCRIPTOR.fields_by_name["event_type"].enum_type.values_by_name)
    assert set(ATTRIBUTES) == names - {"EVENT_TYPE_UNSPECIFIED"}


@pytest.mark.parametrize("event_type", sorted(ATTRIBUTES))
def test_attributes_have_exactly_temporals_fields(event_type: str) -> None:
    name = event_type.removeprefix("EVENT_TYPE_").lower() + "_event_attributes"
    message = history_pb.HistoryEvent.DESCRIPTOR.fields_by_name[name].message_type
    made: Any = attributes_class(event_type)
    ours = [field.name for field in made.__attrs_attrs__ if field.name != "unknown"]
    assert ours == [field.name for field in message.fields]


@pytest.mark.parametrize("event_type", sorted(ATTRIBUTES))
@given(seed=st.integers(0, 2**32))
def test_an_event_survives_reading_and_writing(event_type: str, seed: int) -> None:
    original = make_event(event_type, seed)
    for options in ({}, {"use_integers_for_enums": True}, {"preserving_proto_field_name": True}):
        event = read_event(json_format.MessageToDict(original, **options))
        written = write_event(event)
        assert json_format.ParseDict(written, history_pb.HistoryEvent()) == original
        assert read_event(written) == event if not options else True
        assert decode(encode(event)) == event


@given(seed=st.integers(0, 2**32))
def test_a_history_survives_as_text(seed: int) -> None:
    dice = random.Random(seed)
    original = history_pb.History(
        events=[make_event(dice.choice(sorted(ATTRIBUTES)), dice.randrange(2**32)) for _ in range(4)]
    )
    history = read_history(json_format.MessageToJson(original))
    assert isinstance(history, History)
    for indent in (None, 2):
        assert json_format.Parse(write_history(history, indent=indent), history_pb.History()) == original
