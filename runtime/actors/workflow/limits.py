"""How long a history may grow, and how long closed runs are kept."""

from __future__ import annotations

import attrs

from ...durations import HOUR

MEGABYTE = 1024 * 1024


@attrs.frozen(kw_only=True)
class Limits:
    """Sizes of one run's history, and the retention of closed runs (ns)."""

    suggest_events: int = 4_096
    suggest_bytes: int = 4 * MEGABYTE
    refuse_events: int = 20_480
    refuse_bytes: int = 16 * MEGABYTE
    retention_ns: int = 72 * HOUR

    def suggests_continue_as_new(self, events: int, size_bytes: int) -> bool:
        """Is it time for the workflow to continue as new?"""
        return events >= self.suggest_events or size_bytes >= self.suggest_bytes

    def refuses(self, events: int, size_bytes: int) -> bool:
        """Is the history too big to go on?"""
        return events > self.refuse_events or size_bytes > self.refuse_bytes
