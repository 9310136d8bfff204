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
from typing import TYPE_CHECKING, Any, Final

import attrs

from .fetch_paths import Pattern
from .fetch_redaction import redact

if TYPE_CHECKING:
    from ...runtime.history import History
    from .fetch_pseudonyms import Pseudonyms

TRIES_MAX: Final = 600
"""So many replays are made for one history that does not replay redacted."""

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
    search = _Search(
        lambda more: verdict(redact(history, pseudonyms, (*keeps, *more), data_keys)[0]) == wanted
    )
    known = tuple(each for each in hints if each in places)
    if known and search.holds(known):
        return Needed(history=None, keeps=search.smallest(known))
    if not search.holds(tuple(places)):
        return Needed(history=None, keeps=None)
    return Needed(history=None, keeps=search.smallest(tuple(places)))


class _Search:
    """Finds a small set of places for which ``test`` holds."""

    def __init__(self, test: Callable[[tuple[Pattern, ...]], bool]) -> None:
        self._test = test
        self._left = TRIES_MAX

    def holds(self, places: tuple[Pattern, ...]) -> bool:
        """One try."""
        self._left -= 1
        return self._test(places)

    def smallest(self, places: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
        """A subset of ``places``, for which the test holds, and from which nothing can be left out."""
        if len(places) > 1:
            for each in places:  # mostly it is one
                if self._left > 0 and self.holds((each,)):
                    return (each,)
        found = self._without_idle(places)
        for size in range(2, len(found)):
            if self._left <= 0 or len(places) > 30:
                break
            for chosen in combinations(places, size):
                if self._left <= 0:
                    break
                if self.holds(chosen):
                    return chosen
        return found

    def _without_idle(self, places: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
        """Leave out halves, quarters ... and at last single places, while the test holds without them."""
        size = max(len(places) // 2, 1)
        while True:
            at = 0
            changed = False
            while at < len(places) and self._left > 0:
                rest = places[:at] + places[at + size :]
                if self.holds(rest):
                    places, changed = rest, True
                else:
                    at += size
            if (size == 1 and not changed) or self._left <= 0:
                return places
            size = max(size // 2, 1)
