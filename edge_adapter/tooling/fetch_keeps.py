"""Which values a redacted history cannot do without.

Owns the search: where the code's verdict on the redacted history is another one than on the original -
because a branch, a duration or an id comes from a value - it finds the places that have to be kept.
Invariants: nothing is kept that was not asked for, what is found is only told. As long as there are tries
left, nothing can be left out of what is found, and no smaller set would do.

Must not import: a replayer; who searches brings a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, Final

import attrs

from .fetch_paths import Pattern
from .fetch_redaction import redact

if TYPE_CHECKING:
    from ...runtime.history import History
    from .fetch_pseudonyms import Pseudonyms

TRIES_MAX: Final = 600
TRIES_MIN: Final = 40
EVENTS_MAX: Final = 1_000_000
"""So many replays of one history that does not replay redacted; fewer of a long one, by its events."""

Verdict = Callable[["History"], Any]
"""What the code makes of a history: any value that can be compared."""


@attrs.frozen(kw_only=True)
class Needed:
    """``history`` is redacted and replays as the original does; None: it does not, and ``keeps`` are the
    places that would have to be kept beside those that are. ``keeps`` None: not even everything kept would
    help."""

    history: History | None
    keeps: tuple[Pattern, ...] | None = ()


def redact_checked(
    history: History,
    pseudonyms: Pseudonyms,
    keeps: Sequence[Pattern],
    verdict: Verdict,
    hints: Sequence[Pattern] = (),
    data_keys: Sequence[Pattern] = (),
) -> Needed:
    """Redact a history and find out whether ``verdict`` still is that of the original.

    ``hints`` are places that other histories needed; they are tried first. ``data_keys`` as for ``redact``.
    """
    wanted = verdict(history)
    redacted, places = redact(history, pseudonyms, keeps, data_keys)
    if verdict(redacted) == wanted:
        return Needed(history=redacted)
    tries = min(max(EVENTS_MAX // len(history.events), TRIES_MIN), TRIES_MAX)

    def test(more: tuple[Pattern, ...]) -> bool:
        return bool(verdict(redact(history, pseudonyms, (*keeps, *more), data_keys)[0]) == wanted)

    search = _Search(test, tries)
    known = tuple(each for each in hints if each in places)
    if known and search.holds(known):
        return Needed(history=None, keeps=search.smallest(known))
    if not search.holds(tuple(places)):
        return Needed(history=None, keeps=None)
    return Needed(history=None, keeps=search.smallest(tuple(places)))


class _Search:
    """Finds a small set of places for which ``test`` holds."""

    def __init__(self, test: Callable[[tuple[Pattern, ...]], bool], tries: int) -> None:
        self._test = test
        self._left = tries

    def holds(self, places: tuple[Pattern, ...]) -> bool:
        """One try."""
        self._left -= 1
        return self._test(places)

    def smallest(self, places: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
        """A subset of ``places``, for which the test holds. None is smaller, as far as there are tries."""
        found = self._without_idle(places)
        for size in range(1, len(found)):
            if comb(len(places), size) > self._left:
                break
            for chosen in combinations(places, size):
                if self.holds(chosen):
                    return chosen
        return found

    def _without_idle(self, places: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
        """Leave out halves, quarters ... and at last single places, while the test holds without them.

        The last ones go first: what comes late in a history mostly comes from what was there before.
        """
        size = max(len(places) // 2, 1)
        while True:
            end = len(places)
            changed = False
            while end > 0 and self._left > 0:
                begin = max(end - size, 0)
                rest = places[:begin] + places[end:]
                if self.holds(rest):
                    places, changed = rest, True
                end = begin
            if (size == 1 and not changed) or self._left <= 0:
                return places
            size = max(size // 2, 1)
