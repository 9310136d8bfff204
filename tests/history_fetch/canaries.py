"""Histories in which every field of every record holds something that must not get out."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from temporal_do.runtime.history import ATTRIBUTES, History, HistoryEvent, Payload, attributes_class
from temporal_do.runtime.history.enums import ENUMS
from temporal_do.runtime.records import find_record

DEPTH_MAX = 6


class Canaries:
    """Makes texts that are found again wherever they get."""

    def __init__(self) -> None:
        self._count = 0

    def text(self, where: str) -> str:
        self._count += 1
        return f"canary{self._count}:{where}!"

    def payload(self, where: str) -> Payload:
        data = f'{{"field":["{self.text(where)}",{{"not a {self.text(where)}":7}}]}}'.encode()
        return Payload(
            metadata={"encoding": b"json/plain", "key": self.text(where).encode()},
            data=data,
            unknown={"externalPayloads": [{"at": self.text(where)}]},
        )

    def value(self, kind: str, where: str, depth: int) -> Any:
        """A value of the kind that an annotation names."""
        kind = kind.removesuffix(" | None")
        if kind == "str":
            return self.text(where)
        if kind == "bool":
            return True
        if kind in ("int", "Int64", "Duration", "Timestamp", "float"):
            return 1
        if kind == "Payload":
            return self.payload(where)
        if kind in ("Json", "Mapping[str, Any]"):
            return {"some": {"thing": self.text(where)}, self.text(where): 1}
        if kind == "Payloads":
            return (self.payload(where), self.payload(where))
        if kind in ENUMS:
            return self.text(where)
        if kind.startswith("tuple["):
            return (self.value(re.fullmatch(r"tuple\[(.+), \.\.\.\]", kind)[1], where, depth),)  # type: ignore[index]
        if kind.startswith("Mapping["):
            inner = kind.removeprefix("Mapping[str, ").removesuffix("]")
            return {f"not a {self.text(where)}": self.value(inner, where, depth)}
        return self.message(find_record(kind), where, depth + 1)

    def message(self, cls: type[Any], where: str = "", depth: int = 0) -> Any:
        """A record of this class, all of whose fields are filled."""
        if depth > DEPTH_MAX:
            return None
        fields = {
            field.name: self.value(field.type, f"{where or cls.__name__}.{field.name}", depth)
            for field in cls.__attrs_attrs__
        }
        return cls(**fields)

    def events(self) -> Iterator[HistoryEvent]:
        """One event of every type, and one of a type that nobody knows."""
        for number, event_type in enumerate((*ATTRIBUTES, "EVENT_TYPE_OF_TOMORROW"), 1):
            cls = attributes_class(event_type)
            yield HistoryEvent(
                event_id=number,
                event_type=event_type,
                attributes=None if cls is None else self.message(cls),
                user_metadata=self.message(find_record("UserMetadata")),
                links=({"to": self.text("links")},),
                unknown={"tomorrow": {"text": self.text("event")}},
            )

    def history(self) -> History:
        """All of them."""
        return History(events=tuple(self.events()), unknown={"more": self.text("history")})


def contents(text: str) -> Iterator[str]:
    """A written history, and what its payloads hold."""
    yield text
    for found in re.findall(r'"(?:data|[a-zA-Z-]+)":"([A-Za-z0-9+/]+=*)"', text):
        try:
            yield base64.b64decode(found, validate=True).decode("utf-8", "replace")
        except ValueError:
            continue
