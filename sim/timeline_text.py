"""Text for people: how long something took, when it was, and what fits into a column.

Owns the width of text on a terminal (wide and combining characters counted), cutting to a width, and the
words for durations and instants. Invariants: nothing here returns a control character, so a step's name
cannot move the cursor; `fit` returns exactly the asked width. Must not import: histories.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from ..runtime.durations import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from ..runtime.instants import to_datetime

ELLIPSIS: Final = "…"


def plain(text: str) -> str:
    """`text` in one line, without characters that a terminal obeys instead of showing."""
    if text.isascii() and text.isprintable():
        return text
    shown = (
        char if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else " "
        for char in text
    )
    return " ".join("".join(shown).split())


def width_of(text: str) -> int:
    """How many columns `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    width = 0
    for char in text:
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
            continue
        width += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
    return width


def cut(text: str, width: int) -> str:
    """`text`, or as much of it as fits into `width` columns with an ellipsis."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    kept, used = "", 0
    for char in text:
        size = width_of(char)
        if used + size > width - 1:
            break
        kept, used = kept + char, used + size
    return kept.rstrip() + ELLIPSIS


def fit(text: str, width: int) -> str:
    """`text` cut or filled to exactly `width` columns."""
    shown = cut(text, width)
    return shown + " " * (width - width_of(shown))


def duration_text(duration_ns: int) -> str:
    """A duration in its two largest units: `6 d 23 h`, `5 min`, `1.5 s`, `12 ms`."""
    if duration_ns < 0:
        return "-" + duration_text(-duration_ns)
    if duration_ns < SECOND:
        milliseconds = duration_ns / MILLISECOND
        return "0 s" if not milliseconds else f"{milliseconds:.3g} ms" if milliseconds < 999 else "1 s"
    if duration_ns < MINUTE:
        seconds = f"{duration_ns / SECOND:.2f}".rstrip("0").rstrip(".")
        return f"{seconds} s" if seconds != "60" else "1 min"
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
    for (large, name), (small, small_name) in zip(units, units[1:], strict=False):
        if duration_ns >= large:
            count, rest = divmod(duration_ns, large)
            below = rest // small
            return f"{count} {name} {below} {small_name}" if below else f"{count} {name}"
    return f"{duration_ns // SECOND} s"


def instant_text(time_ns: int) -> str:
    """An instant in UTC to the second, or to the millisecond where there are any."""
    if not time_ns:
        return "an unknown time"
    try:
        moment = to_datetime(time_ns)
    except (OverflowError, ValueError):
        return f"{time_ns} ns"
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    milliseconds = moment.microsecond // 1_000
    return f"{text}.{milliseconds:03d} UTC" if milliseconds else f"{text} UTC"
