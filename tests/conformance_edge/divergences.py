"""Where the documents, the platform's own binary and the simulator do not agree, and who is right.

Every row is checked: a row that is not true any more fails the suite, as does a difference that has no row.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Divergence:
    """One difference that is explained. ``entries``: of the simulator's observation, what differs."""

    names: tuple[str, ...]
    differs: str
    right: str
    covered: str
    entries: tuple[str, ...] = ()


OF_THE_SIMULATOR: Final = (
    Divergence(
        ("user-error", "alarm-first-retry"),
        "What an object's code raises ends its life in the simulator, not on the binary.",
        "The binary. The engine asks more of its hosts than the platform gives: memory that saw a failure is "
        "dropped. The Cloudflare host drops it by itself, as the scripts show.",
        "Losing memory is what every profile may do at any moment (`reset`, `evict`).",
        ("instance",),
    ),
    Divergence(
        ("crash-2",),
        "After a crash the binary counts an alarm's failures anew, and has lost the messages of its queues; "
        "the simulator's count goes on, and its queues are durable.",
        "The simulator, of production: its queues are stored. Of the count nobody is: the engine never reads "
        "it.",
        "Messages are lost for good by `expired_message` and `dead_letter`, and the recovery sweep brings "
        "their work back.",
        ("retry", "messages"),
    ),
    Divergence(
        ("alarm-in-the-past",),
        "An alarm that is set in the past is moved to the present by the binary; the simulator rings for the "
        "moment that was set.",
        "The binary. The engine takes the moment of an alarm as no more than a lower bound of the time.",
        "`late_alarm` and `clock_skew` ring for moments of any distance from the clock.",
        ("scheduled",),
    ),
)

OF_THE_SCRIPTS: Final = (
    Divergence(
        ("scripts",),
        "Sends to queues, the object store and the way of a reply take time on the binary, and other events "
        "come in between; without faults the simulator does them in one instant.",
        "The binary. The comparison lets the simulator's I/O take a few nanoseconds in all but its first "
        "seed, so that every such order is tried.",
        "`slow_request`, `slow_reply`, `slow_message`, and under the `prod` profile the output gate.",
    ),
    Divergence(
        ("scripts",),
        "The Cloudflare host may ring an alarm up to ten seconds early after the object has lost its memory, "
        "and once more after a handler that cleared it has died. A ring that is so early names its own "
        "moment, not the later one of the rows.",
        "Both: alarms are at least once. An alarm that finds nothing due is no observation, and what is due "
        "is decided by the clock; the moment that a ring names is a lower bound of the time.",
        "`duplicate_alarm` and `late_alarm`; and the shell sets anew what is not due.",
    ),
)

OF_THE_DOCUMENTS: Final = (
    Divergence(
        ("queue-ack-then-throw",),
        "The documents keep an acknowledgement when the handler then throws; the local queue forgets it.",
        "The documents, of production. The engine needs neither: the second lease of an attempt is refused.",
        "`throwing_consumer`: all messages come again under `local`, those without acknowledgement under "
        "`prod`.",
    ),
    Divergence(
        ("python-gate", "python-gate-sleep", "python-unit-sleep", "python-unit-get"),
        "From Pyodide's sources it was concluded that every await of Python ends the turn; on the binary it "
        "ends only where one of JavaScript would. Two writes around `asyncio.sleep(0)` are one unit.",
        "The binary, of this version. The host relies on neither: a commit is one synchronous transaction, "
        "and the engine's shell has a queue of its own.",
        "The model is the stricter of the two: each commit is a unit, and a crash may come at every await.",
    ),
    Divergence(
        ("id-of-name",),
        "An id of another class should be refused; the local platform takes it.",
        "The documents. The host addresses objects by name only, and a call carries the key of its object, "
        "which refuses what is not its own.",
        "Nothing to cover.",
    ),
    Divergence(
        ("sql-value-length",),
        "Values of more than 2 MB are refused by production and taken by the binary, up to a larger bound.",
        "The documents. The host cuts values into parts of 1 MB.",
        "Nothing to cover: the bound is the host's own.",
    ),
    Divergence(
        ("python-clock",),
        "In production the clock stands still while code computes; locally it runs on.",
        "The documents. The engine takes the time once in a turn.",
        "The simulator's clock is frozen within a turn; `clock_skew` moves it between them.",
    ),
    Divergence(
        ("idle-12-s",),
        "As documented: what is idle leaves the memory after ten seconds. The simulator evicts nobody by "
        "itself.",
        "The binary.",
        "`evict`: at any moment at which nothing runs, not only after ten seconds.",
    ),
)

ALL: Final = (*OF_THE_SIMULATOR, *OF_THE_SCRIPTS, *OF_THE_DOCUMENTS)


def entries_of(name: str) -> tuple[str, ...]:
    """What may differ in the simulator's observation of a case, and must."""
    return tuple(entry for each in OF_THE_SIMULATOR if name in each.names for entry in each.entries)
