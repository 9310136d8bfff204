"""Temporal's list filter: text -> AST -> does this execution match?

Owns the language's subset and its errors::

    filter := term, or filters joined by AND, OR, NOT and parentheses
    term   := field = value | != | < | <= | > | >= | [NOT] IN (value, ...) | [NOT] BETWEEN low AND high
            | [NOT] STARTS_WITH text | IS [NOT] NULL
    value  := 'text' | "text" | number | true | false      (a quote inside a text is written twice)

Fields: the built-in ones of ``FIELDS``, and any custom search attribute by name (in backquotes when the name
is no plain word). Values of custom attributes are taken as they are stored; a keyword list matches when one
of its elements does. A missing attribute equals nothing, so ``!=`` and NOT are true for it. Order of results
is not the filter's affair: ORDER BY is refused.

Pure functions; must not import an actor or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, NoReturn

from .errors import InvalidArgumentError
from .messages.visibility import ExecutionRecord
from .policies import WorkflowStatus

Value = str | int | float | bool


class And(NamedTuple):
    """All of ``terms`` hold."""

    terms: tuple[Any, ...]


class Or(NamedTuple):
    """One of ``terms`` holds."""

    terms: tuple[Any, ...]


class Not(NamedTuple):
    """``term`` does not hold."""

    term: Any


class Compare(NamedTuple):
    """``field`` stands in the relation ``operator`` to one of ``values`` (IN has several; BETWEEN is two)."""

    field: str
    operator: str
    values: tuple[Value, ...]


class Everything(NamedTuple):
    """The empty filter."""


Filter = And | Or | Not | Compare | Everything

FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    # field -> (attribute of the execution record, kind of its values)
    "WorkflowId": ("workflow_id", "text"),
    "RunId": ("run_id", "text"),
    "WorkflowType": ("workflow_type", "text"),
    "TaskQueue": ("task_queue", "text"),
    "ExecutionStatus": ("status", "status"),
    "StartTime": ("start_ns", "time"),
    "CloseTime": ("close_ns", "time"),
    "HistoryLength": ("history_length", "number"),
    "ParentWorkflowId": ("parent_workflow_id", "text"),
    "ParentRunId": ("parent_run_id", "text"),
}

ACCEPTED: Final = (
    "accepted are terms such as WorkflowType = 'order', ExecutionStatus IN ('Running', 'Failed'), "
    "StartTime > '2026-01-01T00:00:00Z', WorkflowId STARTS_WITH 'order-', CustomField BETWEEN 1 AND 5, "
    "CloseTime IS NULL, joined by AND, OR, NOT and parentheses"
)

_STATUSES: Final[Mapping[str, str]] = {
    spelling.lower(): status.value
    for status in WorkflowStatus
    for spelling in (status.value, status.name, status.name.replace("_", ""))
}
_STATUS_NAMES: Final = "Running, Completed, Failed, Canceled, Terminated, ContinuedAsNew, TimedOut"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:\d\d)?", re.ASCII
)


# --- matching ---------------------------------------------------------------------------------------------


def matches(query: Filter, execution: ExecutionRecord) -> bool:
    """Does ``execution`` satisfy ``query``?"""
    kind = type(query)
    if kind is Compare:
        return _compare(query, execution)  # type: ignore[arg-type]
    if kind is And:
        return all(matches(term, execution) for term in query.terms)  # type: ignore[union-attr]
    if kind is Or:
        return any(matches(term, execution) for term in query.terms)  # type: ignore[union-attr]
    if kind is Not:
        return not matches(query.term, execution)  # type: ignore[union-attr]
    return True


_OPERATORS: Final[Mapping[str, Callable[[Any, tuple[Any, ...]], bool]]] = {
    "=": lambda found, values: bool(found == values[0]),
    "<": lambda found, values: bool(found < values[0]),
    "<=": lambda found, values: bool(found <= values[0]),
    ">": lambda found, values: bool(found > values[0]),
    ">=": lambda found, values: bool(found >= values[0]),
    "IN": lambda found, values: found in values,
    "BETWEEN": lambda found, values: bool(values[0] <= found <= values[1]),
    "STARTS_WITH": lambda found, values: isinstance(found, str) and found.startswith(values[0]),
}


def _compare(term: Compare, execution: ExecutionRecord) -> bool:
    built_in = FIELDS.get(term.field)
    if built_in is not None:
        found = getattr(execution, built_in[0])
        if found is None or (found == "" and term.field.startswith("Parent")):
            return term.operator == "IS NULL"
        return term.operator != "IS NULL" and _OPERATORS[term.operator](found, term.values)
    stored, kind = _attribute(execution, term.field)
    if stored is None:
        return term.operator == "IS NULL"
    if term.operator == "IS NULL":
        return False
    for found in stored if isinstance(stored, list) else (stored,):
        left, right = _aligned(found, term.values, kind)
        if right is not None and _OPERATORS[term.operator](left, right):
            return True
    return False


def _attribute(execution: ExecutionRecord, name: str) -> tuple[Any, str]:
    """A custom search attribute's value and its type's name; None when it is absent or empty."""
    attributes = execution.search_attributes
    payload = None if attributes is None else attributes.indexed_fields.get(name)
    if payload is None or not payload.data:
        return None, ""
    import json

    try:
        value = json.loads(payload.data)
    except ValueError:
        return None, ""
    if value == []:
        return None, ""
    return value, payload.metadata.get("type", b"").decode("ascii", "replace")


def _aligned(found: Any, values: tuple[Value, ...], kind: str) -> tuple[Any, tuple[Any, ...] | None]:
    """Both sides in one comparable form; None where they have none."""
    if isinstance(found, bool) or any(isinstance(value, bool) for value in values):
        same = isinstance(found, bool) and all(isinstance(value, bool) for value in values)
    elif isinstance(found, (int, float)):
        same = all(isinstance(value, (int, float)) for value in values)
    elif isinstance(found, str):
        same = all(isinstance(value, str) for value in values)
        if same and kind.lower() == "datetime":
            times = [_time_ns(text) for text in (found, *map(str, values))]
            return times[0], None if None in times else tuple(times[1:])
    else:
        same = False
    return found, values if same else None


def _time_ns(text: str) -> int | None:
    """RFC 3339 (or a date alone; no zone means UTC) as ns since the Unix epoch; None for anything else."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00:00'}{zone}")
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


# --- parsing ----------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<quoted>`[^`]+`)
      | (?P<word>[A-Za-z_][A-Za-z0-9_.-]*)
      | (?P<operator><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS: Final = ("=", "!=", "<>", "<", "<=", ">", ">=")
_TERM_OPERATORS: Final = "=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH or IS NULL"
_CLAUSES: Final = ("ORDER", "GROUP", "LIMIT")
_ORDERED: Final = "results are always ordered by start time, newest first"
_NESTING_MAX: Final = 100


def parse(query: str) -> Filter:
    """Parse a list filter. Raises InvalidArgumentError that names the position and what is accepted there."""
    if not isinstance(query, str):
        raise InvalidArgumentError(f"a list filter is a text, not {query!r}; {ACCEPTED}", query=query)
    parser = _Parser(query)
    if parser.at_end:
        return Everything()
    found = parser.disjunction(0)
    if not parser.at_end:
        parser.refuse("AND, OR or the end", _ORDERED if parser.is_word(*_CLAUSES) else "")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.kind = ""
        self.token = ""
        self.start = self.position = 0
        self.advance()

    @property
    def at_end(self) -> bool:
        return self.kind == "end"

    def advance(self) -> None:
        rest = self.text[self.position :]
        self.start = self.position + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self.kind, self.token = "end", ""
            return
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            self.kind, self.token = "unknown", self.text[self.start]
            self.refuse("a field, a value or an operator")
        self.position = match.end()
        self.kind = str(match.lastgroup)
        self.token = match.group(self.kind)

    def refuse(self, expected: str, why: str = "") -> NoReturn:
        found = f"found {self.token!r}" if self.token else "the filter ends"
        detail = f" ({why})" if why else ""
        raise InvalidArgumentError(
            f"list filter, position {self.start + 1}: expected {expected}, but {found}{detail}, in "
            f"{self.text!r}; {ACCEPTED}",
            query=self.text,
            position=self.start + 1,
        )

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.token.upper() in words

    def take_word(self, word: str) -> bool:
        if not self.is_word(word):
            return False
        self.advance()
        return True

    def take_operator(self, operator: str) -> bool:
        if self.kind != "operator" or self.token != operator:
            return False
        self.advance()
        return True

    def disjunction(self, depth: int) -> Filter:
        terms = [self.conjunction(depth)]
        while self.take_word("OR"):
            terms.append(self.conjunction(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def conjunction(self, depth: int) -> Filter:
        terms = [self.negation(depth)]
        while self.take_word("AND"):
            terms.append(self.negation(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def negation(self, depth: int) -> Filter:
        if depth > _NESTING_MAX:
            self.refuse("a simpler filter", f"more than {_NESTING_MAX} levels are nested")
        if self.take_word("NOT"):
            return Not(self.negation(depth + 1))
        if self.take_operator("("):
            inside = self.disjunction(depth + 1)
            if not self.take_operator(")"):
                self.refuse("')'")
            return inside
        return self.term()

    def term(self) -> Filter:
        if self.is_word(*_CLAUSES):
            self.refuse("a term", _ORDERED)
        if self.kind not in ("word", "quoted") or self.is_word("AND", "OR", "IN", "BETWEEN", "IS"):
            self.refuse("a field")
        field = self.token.strip("`")
        self.advance()
        if self.take_word("IS"):
            negated = self.take_word("NOT")
            if not self.take_word("NULL"):
                self.refuse("NULL" if negated else "NULL or NOT NULL")
            return _negated(negated, Compare(field, "IS NULL", ()))
        negated = self.take_word("NOT")
        if self.take_word("IN"):
            return _negated(negated, Compare(field, "IN", self.value_list(field)))
        if self.take_word("BETWEEN"):
            low = self.value(field)
            if not self.take_word("AND"):
                self.refuse("AND")
            return _negated(negated, Compare(field, "BETWEEN", (low, self.value(field))))
        if self.take_word("STARTS_WITH"):
            if self.kind != "text":
                self.refuse("a text in quotes")
            return _negated(negated, Compare(field, "STARTS_WITH", (self.value(field, as_text=True),)))
        if negated or self.kind != "operator" or self.token not in _COMPARISONS:
            why = "LIKE is not supported" if self.is_word("LIKE") else ""
            self.refuse("IN, BETWEEN or STARTS_WITH" if negated else _TERM_OPERATORS, why)
        operator = self.token
        self.advance()
        value = self.value(field)
        if operator in ("!=", "<>"):
            return Not(Compare(field, "=", (value,)))
        return Compare(field, operator, (value,))

    def value_list(self, field: str) -> tuple[Value, ...]:
        if not self.take_operator("("):
            self.refuse("'('")
        values = [self.value(field)]
        while self.take_operator(","):
            values.append(self.value(field))
        if not self.take_operator(")"):
            self.refuse("',' or ')'")
        return tuple(values)

    def value(self, field: str, *, as_text: bool = False) -> Value:
        raw: Value
        if self.kind == "text":
            raw = _unquoted(self.token)
        elif self.kind == "number":
            raw = float(self.token) if set(self.token) & set(".eE") else int(self.token)
        elif self.is_word("TRUE", "FALSE"):
            raw = self.token.upper() == "TRUE"
        else:
            self.refuse("a value: 'text' in quotes, a number, true or false")
        converted = raw if as_text else self.fit(field, raw)
        self.advance()
        return converted

    def fit(self, field: str, raw: Value) -> Value:
        """``raw`` as a value that the built-in ``field`` can have."""
        kind = FIELDS.get(field, ("", ""))[1]
        if kind == "text" and not isinstance(raw, str):
            self.refuse(f"a text in quotes for {field}")
        if kind == "number" and (isinstance(raw, bool) or not isinstance(raw, (int, float))):
            self.refuse(f"a number for {field}")
        if kind == "status":
            status = _STATUSES.get(str(raw).lower()) if isinstance(raw, str) else None
            if status is None:
                self.refuse(f"a status ({_STATUS_NAMES})")
            return status
        if kind == "time" and not (isinstance(raw, int) and not isinstance(raw, bool)):
            time_ns = _time_ns(raw) if isinstance(raw, str) else None
            if time_ns is None:
                self.refuse(f"a time for {field} ('2026-01-31T12:00:00Z', or ns since 1970)")
            return time_ns
        return raw


def _negated(negated: bool, term: Compare) -> Filter:
    return Not(term) if negated else term


def _unquoted(token: str) -> str:
    quote = token[0]
    return token[1:-1].replace(2 * quote, quote)
