"""The table of faults: what may go wrong on the platform, and where it is decided.

Owns one row per fault: its name, the choice point where it strikes, its number in the catalogue of platform
faults, what whoever is struck sees. Invariants: the position of a fault among those of its point is part of
the tape format, so a new row goes to the end of the table.

Must not import: anything of the simulator.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Fault:
    """One row of the table: ``point`` is where it is decided, ``reference`` its number in the catalogue."""

    name: str
    point: str
    reference: str
    what: str


FAULTS: tuple[Fault, ...] = (
    Fault("lost_request", "request", "G10", "the message never arrives; the sender's outcome is unknown"),
    Fault(
        "slow_request", "request", "G10", "the message takes its time; order per sender and receiver is kept"
    ),
    Fault("overload", "deliver", "G8", "the receiver turns the call away unseen; the outcome is unknown"),
    Fault("evict", "deliver", "G6", "an idle object has lost its memory when the message arrives"),
    Fault(
        "reset", "deliver", "G7", "the object loses memory and all calls in flight just before the message"
    ),
    Fault(
        "zombie",
        "deliver",
        "G12",
        "a new incarnation takes the message; the old one goes on, unable to commit",
    ),
    Fault("crash_before_commit", "commit", "G1", "the object dies; nothing of this turn is durable"),
    Fault("crash_in_doubt", "commit", "G3", "the object dies; the turn is durable or not, either way"),
    Fault("crash_after_commit", "commit", "G2", "the object dies with the turn durable and nobody told"),
    Fault("slow_commit", "commit", "G5", "the turn becomes durable late"),
    Fault("crash_before_reply", "reply", "G2", "the object dies with the answer ready"),
    Fault("lost_reply", "reply", "G10", "the answer never arrives; the sender's outcome is unknown"),
    Fault("slow_reply", "reply", "G10", "the answer takes its time"),
    Fault("late_alarm", "alarm", "G17", "the alarm goes off late"),
    Fault("duplicate_alarm", "alarm_done", "G18", "the handled alarm goes off once more"),
    Fault("lost_send", "enqueue", "G26", "the queue reports an error and has not stored the message"),
    Fault("ambiguous_send", "enqueue", "G26", "the queue reports an error and has stored the message"),
    Fault("duplicate_message", "message", "G22", "the message is delivered twice"),
    Fault("slow_message", "delivery", "G23", "the message is delivered late, after others"),
    Fault("lost_ack", "ack", "G22", "the consumer's acknowledgement is lost: the message comes again"),
    Fault(
        "worker_crash_before_call", "worker", "G31", "a worker process dies before a call it wanted to make"
    ),
    Fault(
        "worker_crash_after_call", "worker", "G31", "a worker process dies after a call, without its answer"
    ),
    Fault("lost_put", "put_blob", "G28", "the object store reports an error and has stored nothing"),
    Fault("ambiguous_put", "put_blob", "G28", "the object store reports an error and has stored the data"),
    Fault("failed_get", "get_blob", "G28", "the object store reports an error"),
    Fault("lost_race", "put_new_blob", "G29", "a superseded twin has stored the same first: refused"),
    Fault("broken_stub", "request", "G13", "the sender's way to this receiver is broken for a while"),
    Fault(
        "isolate_reset", "deliver", "G7", "every object of the receiver's isolate loses its memory at once"
    ),
    Fault("code_update", "deliver", "G9", "the receiver is reset because its code was updated"),
    Fault(
        "version_skew",
        "deliver",
        "G9",
        "the receiver runs the code before the last update for a while; it refuses rows of the newer one",
    ),
    Fault(
        "failed_commit",
        "commit",
        "G4",
        "the commit fails: the object is reset and all its callers hear of it",
    ),
    Fault("failed_alarm", "alarm", "G19", "the handler exceeds a limit; the seventh time the alarm vanishes"),
    Fault("exhausted_alarm", "alarm", "G19", "every run of this alarm fails, until it vanishes"),
    Fault("stuck_alarm", "alarm", "G20", "the alarm does not go off until the object sets it anew"),
    Fault("batched_message", "delivery", "G23", "the message waits for others: one worker gets all of them"),
    Fault("twin_delivery", "delivery", "G27", "two consumers get the message at the same moment"),
    Fault("expired_message", "delivery", "G25", "the message's retention is over: it vanishes"),
    Fault("dead_letter", "redelivery", "G25", "no retry is left: the message is given up, or a dead letter"),
    Fault("throttled_put", "put_blob", "G28", "too many writes to one key: refused for a second"),
    Fault("missed_cron", "cron", "G30", "the cron trigger does not run"),
    Fault("late_cron", "cron", "G30", "the cron trigger runs late"),
    Fault("twice_cron", "cron", "G30", "the cron trigger runs twice at once"),
    Fault("overlapping_cron", "cron", "G30", "the cron trigger runs again while its first run may go on"),
    Fault("clock_skew", "clock", "G32", "the machine of a new incarnation has a clock that is off"),
    Fault(
        "duplicate_request",
        "request",
        "G11",
        "the platform asks twice by itself: the receiver acts twice, the sender hears the second reply",
    ),
    Fault(
        "overtaken_request",
        "request",
        "G14",
        "the message comes late, and later ones of its sender may come before it",
    ),
    Fault(
        "caller_disconnect",
        "request",
        "G15",
        "the sender stops waiting, its outcome unknown; the message arrives all the same, later",
    ),
    Fault(
        "stuck_section",
        "commit",
        "G16",
        "the turn hangs until its timeout; then the object is reset, and all who wait hear of it",
    ),
    Fault("cold_start", "start", "G33", "an object that is in nobody's memory takes its time to start"),
    Fault(
        "throwing_consumer",
        "acked",
        "G24",
        "the consumer fails after it acknowledged: what it had not acknowledged comes again (local: all)",
    ),
)

LOSSES: tuple[str, ...] = ("failed_alarm", "exhausted_alarm", "stuck_alarm", "expired_message", "dead_letter")
"""What the platform may lose for good; the recovery sweep is there for it."""

POINTS: dict[str, tuple[str, ...]] = {}
"""Point -> the faults that may strike there, in order."""
for _fault in FAULTS:
    POINTS[_fault.point] = (*POINTS.get(_fault.point, ()), _fault.name)
POINT_OF = {fault.name: fault.point for fault in FAULTS}
"""Name of a fault -> its point."""
