"""A history without its users' data, which replays as before.

Owns what of a history stays and the paths of what does not. The fields of every event are walked by the types
that their records declare: identifiers, types, names, times, numbers and flags of the protocol stay, and
nothing else does, because a text stays only where this file says so. Payloads and texts become pseudonyms,
stack traces and what no record knows are left out.

Must not import: a replayer, the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from ...runtime.errors import invariant
from ...runtime.history import Failure, History, HistoryEvent, MarkerRecorded, Payload, TaskQueueRecord
from ...runtime.history.enums import ENUMS
from ...runtime.records import evolve
from ...runtime.redacted import REDACTED
from .fetch_paths import Path, Pattern
from .fetch_payloads import PayloadRedactor
from .fetch_pseudonyms import VERSION, Pseudonyms

STAY: Final = frozenset(
    {
        # identifiers
        *("activity_id", "timer_id", "workflow_id", "run_id", "namespace", "namespace_id", "request_id"),
        *("parent_workflow_namespace", "parent_workflow_namespace_id", "update_id", "protocol_instance_id"),
        *("accepted_request_message_id", "rejected_request_message_id", "attached_request_id"),
        *("continued_execution_run_id", "original_execution_run_id", "first_execution_run_id"),
        *("new_execution_run_id", "base_run_id", "new_run_id", "operation_id", "endpoint_id"),
        # types and names
        *("name", "normal_name", "signal_name", "marker_name", "type", "non_retryable_error_types"),
        *("endpoint", "service", "operation", "new_task_queue"),
        # versions of programs
        *("source", "sdk_name", "sdk_version", "binary_checksum", "inherited_build_id"),
        *("parent_pinned_worker_deployment_version", "worker_deployment_version", "worker_deployment_name"),
        # times
        "cron_schedule",
    }
)
"""The fields whose texts stay."""

_PLAIN: Final = frozenset({"bool", "int", "Int64", "float", "Duration", "Timestamp", "tuple[int, ...]"})
_DROPPED: Final = frozenset({"Json", "tuple[Json, ...]", "Mapping[str, Any]"})
_SEQUENCE: Final = re.compile(r"tuple\[(\w+), \.\.\.\]")
_DETAIL: Final = re.compile(r"[a-z][a-z-]{0,59}", re.ASCII)
"""The details of markers are named by SDKs, and so."""
_ENUM_NAME: Final = re.compile(r"[A-Za-z0-9_]{0,100}", re.ASCII)

# What the engine itself wrote into payloads, and reads.
_OWN: Final[tuple[Pattern, ...]] = (
    *(
        (None, "activity", None, "data", 0, name)
        for name in (
            *("seq", "attempt", "activity_id", "activity_type", "complete_time", "backoff"),
            "original_schedule_time",
        )
    ),
    (None, "marker", "core_patch", "patch-data", 0, "id"),
    (None, "marker", "core_patch", "patch-data", 0, "deprecated"),
    (None, "marker", "Version", "change-id"),
    (None, "marker", "Version", "version"),
    (None, "side_effect", "side-effect-id"),
    (None, "search", "TemporalChangeVersion"),
    (None, "search", "BuildIds"),
)

# How a field that holds a message is called in a path; others are not mentioned.
_STEPS: Final = {
    "memo": "memo",
    "upserted_memo": "memo",
    "search_attributes": "search",
    "header": "header",
    "failure": "failure",
    "continued_failure": "failure",
    "last_failure": "failure",
    "success": "result",
}


def redact(
    history: History, pseudonyms: Pseudonyms, keeps: Sequence[Pattern], data_keys: Sequence[Pattern] = ()
) -> tuple[History, list[Pattern]]:
    """The history with pseudonyms for all data but what ``keeps`` covers, and the places that have some.

    The keys of JSON objects that look like names of fields stay, except in the objects at ``data_keys``.
    """
    walk = _Walk(history, PayloadRedactor(pseudonyms, (*_OWN, *keeps), data_keys), pseudonyms)
    events = tuple(map(walk.event, history.events))
    return History(events=events, workflow_id=history.workflow_id), list(walk.payloads.replaced)


class _Walk:
    """One pass over one history; it remembers what later events call by the number of an earlier one."""

    def __init__(self, history: History, payloads: PayloadRedactor, pseudonyms: Pseudonyms) -> None:
        first = history.events[0].attributes if history.events else None
        self._type = _name(getattr(first, "workflow_type", None)) or "unknown"
        self._pseudonyms = pseudonyms
        self._names: dict[int, str] = {}
        self.payloads = payloads

    def event(self, event: HistoryEvent) -> HistoryEvent:
        """The same event without data."""
        base = (self._type, *self._place(event))
        attributes = event.attributes
        return evolve(
            event,
            event_type=event.event_type if _ENUM_NAME.fullmatch(event.event_type) else "",
            attributes=None if attributes is None else self._message(attributes, base),
            user_metadata=None if event.user_metadata is None else self._message(event.user_metadata, base),
            links=(),
            unknown={},
        )

    # --- places ---

    def _place(self, event: HistoryEvent) -> Path:
        attributes = event.attributes
        kind = type(attributes).__name__
        if kind == "WorkflowExecutionSignaled":
            return "signal", attributes.signal_name
        if kind == "WorkflowExecutionContinuedAsNew":
            return ("continue",)
        if kind.startswith(("ActivityTask", "ActivityProperties")):
            return "activity", self._named(event, getattr(attributes, "activity_type", None))
        if "ChildWorkflow" in kind:
            return "child", self._named(event, getattr(attributes, "workflow_type", None))
        if kind == "SignalExternalWorkflowExecutionInitiated":
            return "send", attributes.signal_name
        if kind.startswith("WorkflowExecutionUpdate"):
            return "update", self._update(event)
        if kind.startswith("NexusOperation"):
            return ("nexus",)
        if isinstance(attributes, MarkerRecorded):
            return self._marker(attributes)
        if kind.startswith(("WorkflowExecution", "WorkflowProperties", "UpsertWorkflow")):
            return ()
        return (
            "timer" if kind.startswith("Timer") else "task" if kind.startswith("WorkflowTask") else "other",
        )

    def _named(self, event: HistoryEvent, own: Any) -> str:
        """The type of an activity or a child, which not every event about it tells."""
        attributes: Any = event.attributes
        begun = getattr(attributes, "scheduled_event_id", 0) or getattr(attributes, "initiated_event_id", 0)
        found = _name(own) or self._names.get(begun, "unknown")
        self._names[event.event_id] = found
        return found

    def _update(self, event: HistoryEvent) -> str:
        attributes: Any = event.attributes
        for field in ("accepted_request", "rejected_request", "request"):
            asked = getattr(attributes, field, None)
            if asked is not None and asked.input is not None:
                self._names[event.event_id] = str(asked.input.name)
                return str(asked.input.name)
        return self._names.get(getattr(attributes, "accepted_event_id", 0), "unknown")

    @staticmethod
    def _marker(marker: MarkerRecorded) -> Path:
        if marker.marker_name == "SideEffect":
            return ("side_effect",)
        if marker.marker_name != "core_local_activity":
            return "marker", marker.marker_name
        try:
            data = json.loads(marker.details["data"][0].data)
        except (KeyError, IndexError, ValueError, RecursionError):
            data = None
        name = data.get("activity_type") if isinstance(data, dict) else None
        return "activity", name if isinstance(name, str) else "unknown"

    # --- messages ---

    def _message(self, message: Any, place: Path) -> Any:
        if isinstance(message, Failure):
            return self._failure(message, place)
        fields = self._fields(message, place)
        if isinstance(message, TaskQueueRecord) and message.kind == "TASK_QUEUE_KIND_STICKY":
            fields["name"] = self._pseudonyms.text(message.name)  # it names a worker's process
        return type(message)(**fields)

    def _fields(self, message: Any, place: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, redact_field in _plan(type(message)):
            value = getattr(message, name)
            if value is not None and value != () and value != "":
                found[name] = redact_field(self, value, (*place, name), name)
        return found

    def _failure(self, failure: Failure, place: Path) -> Failure:
        """Message and trace may also be in a payload of their own; there the mark goes."""
        path = (*place, "message")
        if self.payloads.keeps(path):
            message, encoded = failure.message, failure.encoded_attributes
        else:
            message, encoded = self.payloads.text(failure.message, path), None
            if message or failure.encoded_attributes is not None:
                data = json.dumps({"message": message, "stack_trace": ""}).encode()
                encoded = Payload(
                    metadata={"encoding": b"json/plain", REDACTED: str(VERSION).encode()}, data=data
                )
        fields = self._fields(evolve(failure, message="", stack_trace="", encoded_attributes=None), place)
        return Failure(**{**fields, "message": message, "encoded_attributes": encoded})

    # --- fields, by what their records declare ---

    def _stay(self, value: Any, path: Path, name: str) -> Any:
        return value

    def _enum(self, value: Any, path: Path, name: str) -> Any:
        return value if _ENUM_NAME.fullmatch(value) else ""

    def _enums(self, value: Any, path: Path, name: str) -> Any:
        return tuple(self._enum(item, path, name) for item in value)

    def _text(self, value: Any, path: Path, name: str) -> Any:
        # A text that takes part in nothing: no code can see who did it.
        return self._pseudonyms.text(value) if name == "identity" else self.payloads.text(value, path)

    def _texts(self, value: Any, path: Path, name: str) -> Any:
        return {self.payloads.key(key): self._pseudonyms.text(item) for key, item in value.items()}

    def _payload(self, value: Any, path: Path, name: str) -> Any:
        return self.payloads.payload(value, path)

    def _payloads(self, value: Any, path: Path, name: str) -> Any:
        path = (*path[:-1], _STEPS.get(name, name))
        return tuple(self.payloads.payload(item, (*path, index)) for index, item in enumerate(value))

    def _payload_map(self, value: Any, path: Path, name: str) -> Any:
        """The names of search attributes, of memo and header fields are names; odd ones become pseudonyms."""
        found = {}
        for key, item in value.items():
            shown = self.payloads.key(key)
            above = path[:-1]
            step = shown if shown == key else None
            found[shown] = self.payloads.payload(item, (*above, key), (*above, step))
        return found

    def _details(self, value: Any, path: Path, name: str) -> Any:
        found = {}
        for key, items in value.items():
            named = key if _DETAIL.fullmatch(key) else self._pseudonyms.text(key)
            found[named] = self._payloads(items, (*path[:-1], named), named)
        return found

    def _nested(self, value: Any, path: Path, name: str) -> Any:
        step = _STEPS.get(name)
        return self._message(value, path[:-1] if step is None else (*path[:-1], step))

    def _nested_all(self, value: Any, path: Path, name: str) -> Any:
        return tuple(self._message(item, path[:-1]) for item in value)


Field = Callable[[_Walk, Any, Path, str], Any]

_plans: Final[dict[type[Any], tuple[tuple[str, Field], ...]]] = {}


def _plan(cls: type[Any]) -> tuple[tuple[str, Field], ...]:
    """What is done to each field of a record; those that are left out are not in it."""
    found = _plans.get(cls)
    if found is None:
        rows = ((field.name, field_rule(field.name, field.type)) for field in attrs.fields(cls))
        found = _plans[cls] = tuple((name, rule) for name, rule in rows if rule is not None)
    return found


def field_rule(name: str, annotation: Any) -> Field | None:
    """What is done to a field with this name and annotation; None: it is left out."""
    invariant(isinstance(annotation, str), "records annotate their fields as text", field=name)
    kind = annotation.removesuffix(" | None")
    sequence = _SEQUENCE.fullmatch(kind)
    if kind in _DROPPED:
        return None
    if kind in _PLAIN or (name in STAY and kind in ("str", "tuple[str, ...]")):
        return _Walk._stay
    if kind in _RULES:
        return _RULES[kind]
    if kind in ENUMS:
        return _Walk._enum
    if sequence is not None:
        return _Walk._enums if sequence[1] in ENUMS else _Walk._nested_all
    invariant(kind.isidentifier() and kind != "str", "a field of unknown kind", field=name, kind=kind)
    return _Walk._nested


_RULES: Final[dict[str, Field]] = {
    "str": _Walk._text,
    "Mapping[str, str]": _Walk._texts,
    "Payload": _Walk._payload,
    "Payloads": _Walk._payloads,
    "tuple[Payload, ...]": _Walk._payloads,
    "Mapping[str, Payload]": _Walk._payload_map,
    "Mapping[str, tuple[Payload, ...]]": _Walk._details,
}


def _name(record: Any) -> str:
    found = getattr(record, "name", "")
    return found if isinstance(found, str) else ""
