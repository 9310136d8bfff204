"""Jitter: spreads the starts of many schedules that share a nominal time.

A start is moved later by a share of the window that depends on the schedule's id and the nominal time only,
so that it is the same in every process, at every retry, and in a description printed beforehand.

Invariants: the result is in [nominal, nominal + jitter), in whole milliseconds from the nominal time (the
platform's alarms know no finer), and before the next nominal time; so jitter never reorders starts.

Must not import: the host, entropy.
"""

from __future__ import annotations

from ..durations import MILLISECOND

_MASK = (1 << 64) - 1


def jitter_offset(schedule_id: str, nominal_ns: int, window_ns: int) -> int:
    """How much later than ``nominal_ns`` to start: uniform in [0, ``window_ns``), in whole milliseconds."""
    milliseconds = window_ns // MILLISECOND
    if milliseconds <= 1:
        return 0
    return (_hash(schedule_id, nominal_ns) * milliseconds >> 64) * MILLISECOND


def _hash(schedule_id: str, nominal_ns: int) -> int:
    """64 bits: FNV-1a over the id, then the finaliser of splitmix64 over both."""
    mixed = 0xCBF29CE484222325
    for byte in schedule_id.encode("utf-8", "surrogatepass"):
        mixed = (mixed ^ byte) * 0x100000001B3 & _MASK
    mixed = (mixed + (nominal_ns & _MASK) * 0x9E3779B97F4A7C15) & _MASK
    for _ in range(2):
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK
        mixed ^= mixed >> 31
    return mixed
