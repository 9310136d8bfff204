"""Histories recorded by Temporal's SDKs are read, and written back without losing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from temporal_do.runtime.errors import HistoryReadError
from temporal_do.runtime.history import (
    EventType,
    check_history,
    read_history,
    read_history_file,
    write_history,
)
from temporal_do.runtime.records import decode, encode


def read_by_temporal(text: str) -> Any:
    client = pytest.importorskip("temporalio.client", reason="Temporal's own reader is the oracle")
    return client._history_from_json(text)


def assert_survives(path: Path) -> None:
    text = path.read_text("utf-8")
    history = read_history(text, file=str(path))
    written = write_history(history)
    assert read_history(written) == history
    assert write_history(read_history(written)) == written
    assert decode(encode(history)) == history
    assert len(json.loads(written)["events"]) == len(json.loads(text)["events"])


def json_name(key: str) -> str:
    """The name of a field as protobuf's JSON spells it."""
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def unknown_keys(value: Any, known: Any, path: str = "") -> list[str]:
    """Keys (with their place) of `value` that are not in `known`."""
    if isinstance(value, dict):
        found = []
        for key, item in value.items():
            same = key if key in known else json_name(key)
            if same in known:
                found += unknown_keys(item, known[same], f"{path}.{key}")
            elif item is not None:
                found.append(f"{path}.{key}")
        return found
    if isinstance(value, list):
        return [
            found
            for index, (item, other) in enumerate(zip(value, known, strict=True))
            for found in unknown_keys(item, other, f"{path}[{index}]")
        ]
    return []


def test_writing_back_a_history_loses_nothing(real_history: Path) -> None:
    assert_survives(real_history)


def test_temporal_reads_the_same_from_what_is_written_back(real_history: Path) -> None:
    text = real_history.read_text("utf-8")
    assert read_by_temporal(write_history(read_history(text))) == read_by_temporal(text)


def test_writing_back_the_whole_corpus_loses_nothing(corpus: list[Path]) -> None:
    for path in corpus:
        assert_survives(path)


def test_temporal_reads_the_same_from_the_whole_corpus_written_back(corpus: list[Path]) -> None:
    for path in corpus:
        text = path.read_text("utf-8")
        assert read_by_temporal(write_history(read_history(text))) == read_by_temporal(text), path


def test_fields_no_version_of_temporal_knows_are_kept_in_the_whole_corpus(corpus: list[Path]) -> None:
    """Keys that vanish may only be those whose value protobuf does not distinguish from absence."""
    for path in corpus:
        original = json.loads(path.read_text("utf-8"))
        written = json.loads(write_history(read_history(original)))
        for place in unknown_keys(original, written):
            value: Any = original
            for part in place.replace("[", ".[").strip(".").split("."):
                value = value[int(part[1:-1])] if part.startswith("[") else value[part]
            empty = value in ("", "0", 0, False, [], {}) or str(value).lower().endswith("unspecified")
            assert empty, f"{path}: {place} = {value!r} was lost"


def test_the_corpus_hangs_together_but_for_the_damaged_one(corpus: list[Path]) -> None:
    refused = []
    for path in corpus:
        try:
            check_history(read_history_file(path), file=path.name)
        except HistoryReadError:
            refused.append(path.name)
    assert refused == ["squence-workflow-damaged.json"]


def test_a_damaged_history_is_refused_with_its_event_and_the_reason() -> None:
    path = Path(__file__).parent / "data" / "damaged.json"
    history = read_history_file(path)
    with pytest.raises(HistoryReadError) as caught:
        check_history(history, file="damaged.json")
    assert caught.value.file == "damaged.json"
    assert caught.value.position == "events[12] (event 13 EVENT_TYPE_WORKFLOW_TASK_STARTED)"
    assert caught.value.reason == "scheduled_event_id 14 does not name an earlier event"


def test_an_unknown_event_is_kept_with_its_leave_to_be_ignored() -> None:
    history = read_history_file(Path(__file__).parent / "data" / "unknown_event.json")
    event = history.events[5]
    assert event.event_type == "Unknown"
    assert event.worker_may_ignore
    assert event.attributes is None


def test_unknown_fields_are_kept_where_they_were() -> None:
    history = read_history_file(Path(__file__).parent / "data" / "unknown_fields.json")
    name = "someNewFieldThatIsAbsentFromTheCurrentProtoSchema"
    event = history.events[0]
    assert event.unknown[name] and event.attributes.unknown[name]
    written = json.loads(write_history(history))["events"][0]
    assert written[name] == event.unknown[name]
    assert written["workflowExecutionStartedEventAttributes"][name] == event.attributes.unknown[name]


def test_the_old_spelling_of_an_event_type_is_read_as_the_full_name() -> None:
    history = read_history({"events": [{"eventId": 1, "eventType": "WorkflowExecutionStarted"}]})
    assert history.events[0].event_type == EventType.WORKFLOW_EXECUTION_STARTED
