"""The platform's rules that the engine rests on: what the documents say, and what its own binary does.

Each is tried by a case of the same name, in JavaScript (`probe/probe.mjs`) or in Python (`probe/main.py`,
names that begin with "python"). ``rule`` is its number in the catalogue of the platform's semantics. Where
the simulator models the situation, `models` holds its observation of it; where somebody differs from
somebody else, `divergences` says who is right.
"""

from __future__ import annotations

from typing import Any, Final

import attrs


@attrs.frozen
class Rule:
    """One case: what is said, and what is ``seen`` on the binary. ``slow``: takes more than 5 s."""

    name: str
    rule: str
    says: str
    seen: Any
    slow: bool = False

    @property
    def in_python(self) -> bool:
        """Is it tried in a Worker written in Python?"""
        return self.name.startswith("python")


def _reset(rows: str, says: str = "told to") -> dict[str, Any]:
    return {"says": says, "reset": True, "rows": rows, "instance": "new"}


def _kept(rows: str, says: str) -> dict[str, Any]:
    return {"says": says, "reset": False, "rows": rows, "instance": "same"}


GATES: Final = (
    Rule("gate-nothing", "A3.2", "nothing comes between two storage operations of one event", "01234"),
    Rule("gate-timer", "A3.3", "a timer lets other events in", "00000"),
    Rule("gate-sync", "A3.3", "waiting for storage.sync() lets other events in", "00000"),
    Rule("gate-rpc", "A3.3", "a call to another object lets other events in", "00000"),
    Rule("gate-queue", "A3.3", "a send to a queue lets other events in", "00000"),
    Rule("gate-r2", "A3.3", "a read from the object store lets other events in", "00000"),
    Rule("gate-transaction", "A5.7", "an asynchronous transaction keeps other events out", "01234"),
    Rule("gate-section", "A5.1", "a critical section keeps other events out", "01234"),
    Rule("gate-own-tasks", "A3.4", "no gate protects tasks of the same event from each other", 1),
    Rule("calls-in-order", "A7.1", "calls on one stub arrive in the order in which they were made", True),
    Rule(
        "calls-end-out-of-order",
        "A7.3",
        "they do not end in that order",
        ["begin 1", "begin 2", "end 2", "end 1"],
    ),
)

UNITS: Final = (
    Rule("unit-promise", "B1.3", "writes around an await that needs no event are one unit", _reset("")),
    Rule("unit-get", "B1.3", "so are writes around a read of the same storage", _reset("")),
    Rule("unit-sync", "B1.3", "storage.sync() ends the unit", _reset("a")),
    Rule("unit-timer", "B1.3", "a timer ends the unit", _reset("a")),
    Rule("unit-rpc", "B1.3", "a call ends the unit", _reset("a")),
    Rule("unit-throw", "B1.7", "what was written before an exception stays", _kept("a", "thrown")),
    Rule("transaction-abort", "B2.2", "an abort undoes a transaction, not the unit before it", _reset("a")),
    Rule("transaction-throw", "A5.7", "an exception undoes a transaction and no more", _kept("", "thrown")),
    Rule(
        "sync-transaction-throw",
        "B2.1",
        "an exception undoes a synchronous transaction; writes around it stay",
        _kept("ac", "no error"),
    ),
    Rule("sync-transaction-nested", "B2.1", "synchronous transactions nest", _kept("ac", "no error")),
    Rule("sync-transaction-alarm", "B1.5", "an alarm set inside is undone with the rows", ["", None]),
    Rule("sync-transaction-kv", "B1.6", "so is what was put as a key and a value", ["", None]),
    Rule("alarm-with-unit", "B1.5", "an alarm is lost with the unit in which it was set", ["", None]),
    Rule("alarm-with-durable-unit", "B1.5", "and durable with it", ["a", "future"]),
    Rule(
        "broken-constraint",
        "A4.4",
        "when a commit fails the object is reset, and what it said after the write is never sent",
        {
            "says": "Durable Object was reset and rolled back to its last known g",
            "reset": False,
            "rows": "",
            "instance": "new",
            "peer": ["before"],
        },
    ),
    Rule("delete-all", "B2.6", "deleteAll() removes tables, values and the alarm", [0, None, None]),
)

LIVES: Final = (
    Rule("abort-now", "A6.7", "nothing after an abort is done", _reset("")),
    Rule(
        "abort-in-flight",
        "A6.7",
        "an abort fails every call in flight alike; the stub is broken; what was durable stays",
        {
            "told": ["told to true", "told to true", "told to true"],
            "old": "told to",
            "rows": "a",
            "instance": "new",
            "ended": 0,
        },
    ),
    Rule(
        "user-error",
        "A8",
        "an exception in a call reaches the caller and leaves the object alone",
        {"says": "by the user", "remote": True, "instance": "same"},
    ),
    Rule(
        "missing-method",
        "A8",
        "a method that is not there is a TypeError",
        {"says": 'The RPC receiver does not implement the method "nobodyKnowsI', "remote": True},
    ),
    Rule("section-throw", "A5.3", "an exception in a critical section resets", _reset("", "in a section")),
    Rule(
        "constructor-throw",
        "A5.6",
        "an exception of the constructor is the caller's; the next event constructs anew",
        [{"says": "not built", "reset": True}, "number"],
    ),
    Rule(
        "section-30-s",
        "A5.2",
        "a critical section of more than 30 s resets, and fails whoever waits",
        [
            {
                "says": "A call to blockConcurrencyWhile() in a Durable Object waited",
                "overloaded": True,
                "reset": True,
            }
        ]
        * 2
        + ["after 30 s"],
        slow=True,
    ),
    Rule(
        "section-self-call",
        "A5.4",
        "a call to oneself from inside a critical section waits until it is reset",
        {
            "says": "A call to blockConcurrencyWhile() in a Durable Object waited",
            "overloaded": True,
            "reset": True,
        },
        slow=True,
    ),
    Rule("self-call", "A7.5", "outside of one it is an ordinary call", "hello"),
    Rule("unhandled-rejection", "A6.10", "a rejection that nobody handles resets nothing", "same"),
    Rule("throw-in-timer", "A6.10", "neither does an exception in a timer", "same"),
    Rule(
        "caller-gives-up",
        "A7.4",
        "a caller that gives up does not stop the callee",
        {"told": "The operation was aborted", "rows": "a"},
    ),
    Rule(
        "call-above-32-mib",
        "A7.6",
        "arguments and replies have 32 MiB at most",
        {"says": "Serialized RPC arguments or return values are limited to 32M", "remote": True},
    ),
    Rule("shared-globals", "A1.7", "objects may share an isolate, and its globals", 1),
    Rule(
        "id-of-name",
        "A1.4",
        "the id of a name is always the same one, and the object knows its name; an id of another class "
        "is refused",
        [True, 64, "hello", True],
    ),
    Rule(
        "idle-12-s",
        "A6.1",
        "an object that does nothing leaves the memory after 10 s; one with a timer stays",
        ["new", "same"],
        slow=True,
    ),
    Rule("crash-1", "A6", "prepares what the next case looks at after `kill -9`", "kill me"),
    Rule(
        "crash-2",
        "C16",
        "after a crash rows and blobs are there, and overdue alarms ring without a call",
        {
            "asleep": [1, 1],
            "rows": "a",
            "retry": 0,
            "isRetry": False,
            "blob": "kept",
            "messages": 0,
        },
    ),
)

SQL: Final = (
    Rule(
        "sql-compound",
        "B4",
        "a compound SELECT has 5 terms at most",
        [5, "too many terms in compound SELECT: SQLITE_ERROR"],
    ),
    Rule(
        "sql-begin",
        "B2.3",
        "BEGIN is refused",
        "To execute a transaction, please use the state.storage.trans",
    ),
    Rule(
        "sql-large-integer",
        "B3",
        "an integer comes back as a Number: exact up to 2**53",
        [["number 9007199254740992"]],
    ),
    Rule("sql-bigint", "B3", "a BigInt cannot be bound", "Cannot convert a BigInt value to a number"),
    Rule("sql-boolean", "B3", "how a boolean is bound is not said", [["string true", "string text"]]),
    Rule(
        "sql-number",
        "B3",
        "every number is bound as REAL",
        [["number 7", "string real", "number 1.5", "string real"]],
    ),
    Rule(
        "sql-text",
        "B3",
        "texts and NULL come back as they went",
        [["string é\U0001f600", "string ", "object null"]],
    ),
    Rule("sql-blob", "B3", "bytes come back as an ArrayBuffer", [["ArrayBuffer 3", "string blob"]]),
    Rule(
        "sql-parameters",
        "B4",
        "a statement has 100 parameters at most",
        ["number 1", "too many SQL variables at offset 213: SQLITE_ERROR"],
    ),
    Rule(
        "sql-statement-length",
        "B4",
        "a statement has 100 KB at most",
        [1, "statement too long: SQLITE_TOOBIG"],
    ),
    Rule(
        "sql-value-length",
        "B4",
        "a value has 2 MB at most",
        [2_000_000, 2_200_000, 4_300_000, {"says": "string or blob too big: SQLITE_TOOBIG", "remote": True}],
    ),
    Rule(
        "sql-expression-depth",
        "B4",
        "an expression is 100 deep at most",
        ["number 91", "Expression tree is too large (maximum depth 100): SQLITE_ERR"],
    ),
    Rule(
        "sql-like-length",
        "B4",
        "a LIKE pattern has 50 bytes at most",
        ["number 0", "LIKE or GLOB pattern too complex: SQLITE_ERROR"],
    ),
    Rule(
        "sql-one",
        "B3",
        "one() wants exactly one row",
        "Expected exactly one result from SQL query, but got no resul",
    ),
    Rule(
        "sql-several-statements",
        "B3",
        "values go to the last of several statements",
        [["string a", "number 5"]],
    ),
    Rule("sql-reserved-names", "B3", "names that begin with _cf_ are refused", "not authorized: SQLITE_AUTH"),
    Rule("sql-cursor", "B3", "a cursor is no snapshot: changed rows may show or not", "1234"),
)

ALARMS: Final = (
    Rule(
        "alarm-rings-once",
        "C1, C8",
        "an alarm rings once and not early; inside its handler none is set",
        {"runs": 1, "early": False, "retry": 0, "inside": None, "after": None},
    ),
    Rule("alarm-replaced", "C1", "setting an alarm replaces it", [1, True]),
    Rule("alarm-deleted", "C1", "a deleted alarm stays silent", [0, None]),
    Rule(
        "alarm-in-the-past",
        "C13",
        "an alarm set in the past rings as soon as may be",
        {"runs": 1, "scheduled": "the present"},
    ),
    Rule(
        "alarm-impossible",
        "C13",
        "no alarm before the epoch, at no time, or after 2189",
        [
            "This API doesn't support dates before 1687.",
            "setAlarm() cannot be called with an alarm time <= 0",
            "The value cannot be converted because it is not a valid Date",
            "This API doesn't support dates after 2189.",
        ],
    ),
    Rule(
        "alarm-first-retry",
        "C2, C3, C8",
        "an alarm whose handler throws rings again after 2 s for the same moment; its writes stay; until "
        "then the alarm is in the past",
        {
            "gaps": ["2 s"],
            "retries": [0, 1],
            "same": True,
            "meanwhile": "past",
            "rows": "r0r1",
            "instance": "same",
        },
    ),
    Rule(
        "alarm-always-throws",
        "C3",
        "after 7 runs, 2, 4, ... 64 s apart, the alarm is forgotten",
        {
            "gaps": ["2 s", "4 s", "8 s", "16 s", "32 s", "64 s"],
            "retries": [0, 1, 2, 3, 4, 5, 6],
            "after": None,
        },
        slow=True,
    ),
    Rule(
        "alarm-set-then-throw",
        "C11",
        "an alarm set in a handler that then throws takes the place of the retry",
        {"soon": True, "retries": [0, 0], "rows": "r0r1"},
    ),
    Rule("alarm-deleted-then-throw", "C12", "a deleted alarm is not retried", [1, None]),
    Rule(
        "alarm-abort",
        "C15",
        "an abort in the handler is a failure: again after 2 s, on a new instance; the open unit is lost",
        {"gaps": ["2 s"], "retries": [0, 1], "instance": "new", "rows": "r1"},
    ),
    Rule(
        "alarm-same-moment",
        "C18",
        "an alarm set in its handler for its own moment is lost",
        {"set in its own ms": "lost", "set later": "rings"},
    ),
    Rule("alarm-next-moment", "C18", "one set a millisecond later rings", [3, None]),
    Rule("alarm-during-section", "A5.1", "an alarm waits for a critical section", ["section ends", "alarm"]),
    Rule(
        "alarm-and-call",
        "A3.6",
        "calls are taken while a handler waits",
        ["alarm", "call", "slow ends"],
    ),
    Rule(
        "alarm-and-alarm",
        "C7",
        "an alarm waits for the handler of the one before it",
        ["alarm", "slow ends", "alarm"],
    ),
    Rule("alarm-wakes", "C14", "an alarm wakes an object that has lost its memory", [1, "new"]),
    Rule("alarms-of-one-moment", "C1", "alarms of many objects in one moment all ring", "1111111111"),
)

QUEUES: Final = (
    Rule("queue-first-delivery", "D7", "a message is delivered, and its attempts begin at 1", [1]),
    Rule(
        "queue-retry", "D5", "a retried message comes again as the same", {"attempts": [1, 2], "same": True}
    ),
    Rule("queue-throw", "D4", "an exception brings back what was not acknowledged", [1, 2]),
    Rule("queue-ack-then-throw", "D5", "an acknowledgement holds even if the handler then throws", [1, 2]),
    Rule("queue-first-verdict", "D6", "of two verdicts on a message the first one counts", [1, 2]),
    Rule("queue-wait-until", "D4", "work beside the handler that fails fails the batch", [1, 2]),
    Rule(
        "queue-retries-end",
        "D7",
        "after 3 retries a message becomes a dead letter, its attempts counted anew",
        {"queues": ["probe"] * 4 + ["dead"], "attempts": [1, 2, 3, 4, 1], "same": True},
    ),
    Rule("queue-delay", "D8", "a delay is a lower bound", "not early"),
    Rule("queue-retry-delay", "D8", "so is the delay of a retry", "not early"),
    Rule("queue-batch", "D3", "messages come in batches of the size set at most", ["0123456", True]),
    Rule("queue-batch-mixed", "D5", "verdicts are of single messages", ["0.1", "1.1", "1.2"]),
    Rule("queue-too-large", "D13", "a message of more than 128 KB is refused", "string"),
    Rule("queue-held-by-gate", "A4.2, D2", "a send after a write that is lost is never made", ["", 0]),
)

BLOBS: Final = (
    Rule("r2-nothing", "E1", "what was never put is null", [None, None]),
    Rule("r2-read-after-write", "E1", "a read sees the last write", "two"),
    Rule("r2-create-only", "E3", "If-None-Match: * puts once", [[True, False], "one"]),
    Rule("r2-create-only-race", "E3", "of ten at once one wins", 1),
    Rule("r2-compare-and-swap", "E3", "so it is with an etag", 1),
    Rule("r2-same-bytes", "E4", "the same bytes have the same etag and another version", [True, False]),
    Rule("r2-delete-nothing", "E11", "deleting what is not there is no error", "fine"),
    Rule("r2-conditional-get", "E2", "a condition that does not hold leaves out the body", [True, False]),
    Rule("r2-empty", "E2", "an object of no bytes is there", [True, 0]),
)


def _python(rows: str, says: str, instance: str) -> dict[str, Any]:
    return {"says": says, "rows": rows, "instance": instance}


PYTHON: Final = (
    Rule("python-gate", "A9.2", "every await of Python lets other events in, even one of storage", "01234"),
    Rule("python-gate-sleep", "A9.2", "so does asyncio.sleep(0)", "01234"),
    Rule("python-gate-timer", "A3.3", "a timer lets other events in", "00000"),
    Rule("python-gate-sql", "A9.2", "code without an await is not interrupted", "01234"),
    Rule("python-unit-sleep", "A9.2", "asyncio.sleep(0) ends the unit", _python("", "Error: told to", "new")),
    Rule("python-unit-timer", "B1.3", "a timer ends the unit", _python("a", "Error: told to", "new")),
    Rule("python-unit-get", "A9.2", "a read ends the unit", _python("", "Error: told to", "new")),
    Rule(
        "python-unit-coroutine",
        "A9.1",
        "awaiting a coroutine that never waits changes nothing",
        _python("", "Error: told to", "new"),
    ),
    Rule(
        "python-throw",
        "B1.7, A9.4",
        "writes before an exception stay; of it the caller sees a text",
        _python("a", "ValueError: thrown", "same"),
    ),
    Rule(
        "python-abort-unwinds",
        "A9.3",
        "an abort lets Python unwind; what it writes then is lost",
        {**_python("", "Error: told to", "new"), "finally": ["finally"]},
    ),
    Rule(
        "python-transaction-sync",
        "B2.1, B1.5",
        "an exception undoes a synchronous transaction, its alarm too",
        ["ValueError", "a", "none"],
    ),
    Rule(
        "python-binding",
        "B3",
        "how values of Python are bound is not said",
        {
            "true": "text true",
            "integer": "real 7.0",
            "large": "pyodide.ffi.JsException: TypeError: Cannot convert a BigInt value to a number",
            "larger": "pyodide.ffi.JsException: TypeError: Cannot convert a BigInt value to a number",
            "float": "real 1.5",
            "none": "null nothing",
            "null": "null nothing",
            "text": "text é\U0001f600",
            "bytes": "text b'abc'",
        },
    ),
    Rule(
        "python-reading",
        "B3",
        "an integer above 2**53 is read as a float, and NULL as JavaScript's null",
        ["int", "int", "str", "JsNull", "float", "9007199254740992.0"],
    ),
    Rule(
        "python-task-beside",
        "A6.4",
        "a task goes on after the answer",
        ["answered", "", "later"],
    ),
    Rule(
        "python-arguments",
        "A9.4",
        "tuples and bytearrays are no arguments of a call",
        {
            "none": "NoneType",
            "text": "str",
            "integer": "int",
            "tuple": "<class 'tuple'> cannot be sent over RPC.",
            "bytes": "memoryview",
            "bytearray": "<class 'bytearray'> cannot be sent over RPC.",
        },
    ),
    Rule("python-alarm", "C1, C8", "an alarm rings once; inside none is set", [[[0, False, "none"]], "none"]),
    Rule(
        "python-alarm-retry",
        "C2",
        "an alarm whose handler throws rings again after 2 s; its writes stay",
        [[[0, False, "none"], [1, True, "none"]], "r1r2", "2 s"],
    ),
    Rule(
        "python-alarm-abort",
        "C15",
        "an abort in the handler is a failure too, and undoes the open unit",
        [[[0, False, "none"], [1, True, "none"]], "r2", "new"],
    ),
    Rule("python-calls-in-order", "A7.1", "calls on one stub are taken in their order", True),
    Rule(
        "python-clock",
        "A3.7",
        "Python's clock makes up a millisecond between two calls; that of the binary runs on while code "
        "computes, that of production does not",
        [True, True, True],
    ),
)

RULES: Final = (*GATES, *UNITS, *LIVES, *SQL, *ALARMS, *QUEUES, *BLOBS, *PYTHON)
