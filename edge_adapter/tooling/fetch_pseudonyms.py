"""Pseudonyms: what stands for a text or a number whose content nobody may see.

Owns the forms. Under one key the same value always has the same pseudonym, and different values have
different ones, so that what was equal stays equal and nothing else becomes so; without the key a pseudonym
says no more of its value than the form it keeps:

=======================  ===============================================================
value                    its pseudonym
=======================  ===============================================================
text                     "redacted" and 16 characters
a UUID                   another UUID
a date, a time, or both  another of its century, written alike; an offset from UTC becomes +00:00
a number, also as text   the sign, the zeros before it, the point and the exponent stay;
                         as many other digits; 0 stays
1, -1 (not as text)      stay, as true, false, null and the empty text do
=======================  ===============================================================

Texts of a form that code parses keep the form, so that they still can be parsed; a text's length does not
show.

Pure; must not import the engine.
"""

from __future__ import annotations

import re
from base64 import b32encode
from datetime import date as date_type
from datetime import time
from hashlib import sha256
from hmac import digest
from math import isqrt
from typing import Final
from uuid import UUID

VERSION: Final = 1
"""Numbers the forms: a pseudonym made with another number is another one."""
PREFIX: Final = "redacted"
"""With what follows it is valid base64 too, because bytes are base64 within JSON."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_NUMBER: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})?(?:([Tt ])?([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,]([0-9]{1,9}))?)?)"
    r"(Z|z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_FEW_DIGITS: Final = 18
"""Up to so many digits, no two numbers may share a pseudonym by accident; of more, no two ever will."""
_FIRST_DAY: Final = date_type(1970, 1, 1).toordinal()
_DAYS: Final = 36_525
"""A date from 1970 to 2069 becomes another one of these, and so does one of the century before."""
_DAY_SECONDS: Final = 86_400
_ROUNDS: Final = 8


class Pseudonyms:
    """Pseudonyms under ``key``, 16 unpredictable bytes or more."""

    def __init__(self, key: bytes) -> None:
        self._key = digest(key, b"pseudonyms %d" % VERSION, "sha256")

    def text(self, text: str) -> str:
        """What stands for a text."""
        if not text:
            return text
        if len(text) == 36 and _UUID.fullmatch(text):
            found = str(UUID(bytes=self._bytes(b"uuid", text.lower())[:16], version=4))
            return found if text == text.lower() else found.upper()
        moment = self._moment(text) if len(text) <= 40 else None
        if moment is not None:
            return moment
        if _NUMBER.fullmatch(text):
            return self._number(text, whole_stay=("0",))
        return PREFIX + self._word(b"text", text)

    def number(self, text: str) -> str:
        """What stands for a JSON number, given as it is spelled."""
        return self._number(text, whole_stay=("0", "1"))

    def data(self, data: bytes) -> bytes:
        """What stands for bytes of any kind: text that is no JSON."""
        return data and (PREFIX + self._word(b"data", sha256(data).hexdigest())).encode()

    def name(self) -> str:
        """A name of the key that does not tell it."""
        return self._bytes(b"name", "").hex()[:16]

    def _bytes(self, what: bytes, text: str) -> bytes:
        return digest(self._key, what + b"\0" + text.encode("utf-8", "surrogatepass"), "sha256")

    def _word(self, what: bytes, text: str) -> str:
        return b32encode(self._bytes(what, text)[:10]).decode().lower()

    # --- numbers ---

    def _number(self, text: str, whole_stay: tuple[str, ...]) -> str:
        match = _NUMBER.fullmatch(text)
        if match is None:  # NaN and the infinities
            return text
        sign, whole, fraction, exponent = match.groups()
        is_whole = not (fraction or "").strip("0")  # 7.0 stays a whole number
        if is_whole and not exponent and whole in whole_stay:
            return text
        digits = whole if is_whole else whole + (fraction or "")
        significant = digits.lstrip("0")
        leading = digits[: len(digits) - len(significant)]
        point = len(whole)
        lowest = 2 if is_whole and len(digits) == 1 and "1" in whole_stay else None
        while significant:
            significant = self._digits(significant, lowest)
            digits = leading + significant
            if is_whole or digits[point:].strip("0"):
                break  # a fraction never becomes a whole number: it could be that of another one
        rest = fraction if is_whole else digits[point:]
        return sign + digits[:point] + (f".{rest}" if fraction else "") + (exponent or "")

    def _digits(self, digits: str, lowest: int | None) -> str:
        """Other digits, as many, the first of them not 0; ``lowest``: numbers below it stay free."""
        count = len(digits)
        if count > _FEW_DIGITS:
            made = ""
            while len(made) < count:
                made += str(int.from_bytes(self._bytes(b"digits", f"{len(made)} {digits}"), "big"))[1:70]
            return (made.lstrip("0") + "9" * count)[:count]
        first = 10 ** (count - 1) if lowest is None else lowest
        size = 10**count - first
        return str(first + self._derange(int(digits) - first, size))

    def _derange(self, value: int, size: int) -> int:
        """A keyed permutation of ``range(size)`` that leaves nothing where it was: a rotation, seen through a
        permutation."""
        by = 1 + int.from_bytes(self._bytes(b"rotation", str(size))[:16], "big") % (size - 1)
        found = (self._permute(value, size, range(_ROUNDS)) + by) % size
        return self._permute(found, size, range(_ROUNDS - 1, -1, -1))

    def _permute(self, value: int, size: int, rounds: range) -> int:
        """A Feistel network over pairs of numbers, walked on until it is within ``range(size)`` again; with
        the rounds in reverse order it is its own inverse."""
        width = isqrt(size - 1) + 1
        while True:
            left, right = divmod(value, width)
            for number in rounds:
                if number % 2:
                    left = self._turn(number, right, left, width, rounds.step)
                else:
                    right = self._turn(number, left, right, width, rounds.step)
            value = left * width + right
            if value < size:
                return value

    def _turn(self, number: int, seen: int, changed: int, width: int, sign: int) -> int:
        by = int.from_bytes(self._bytes(b"round %d" % number, f"{width} {seen}")[:16], "big")
        return (changed + sign * by) % width

    # --- dates and times ---

    def _moment(self, text: str) -> str | None:
        match = _MOMENT.fullmatch(text)
        if match is None:
            return None
        date, between, clock, fraction, zone = match.groups()
        if (date is not None and clock is not None) != (between is not None) or (zone and not date):
            return None
        try:
            day = date_type.fromisoformat(date).toordinal() - _FIRST_DAY if date else 0
            hours, minutes, seconds = (*map(int, clock[:8].split(":")), 0)[:3] if clock else (0, 0, 0)
            time(hours, minutes, seconds)
        except ValueError:
            return None
        unit = 60 if clock and len(clock) == 5 else 1
        units = _DAY_SECONDS // unit if clock else 1
        days = _DAYS if date else 1
        century = day // days * days  # code may count on a date being in the past, or far away
        if abs(century) > days:
            century = 0
        at = (day - century) % days * units + ((hours * 60 + minutes) * 60 + seconds) // unit
        if zone:
            at += int.from_bytes(self._bytes(b"zone", zone)[:8], "big")
        day, second = divmod(self._derange(at % (days * units), days * units), units)
        made = date_type.fromordinal(day + century + _FIRST_DAY).isoformat() if date else ""
        if clock:
            minute, second = divmod(second * unit, 60)
            made += (between or "") + f"{minute // 60:02}:{minute % 60:02}"
            if unit == 1:
                made += f":{second:02}"
            if fraction:
                size = 10 ** len(fraction)
                made += f".{self._derange(int(fraction), size):0{len(fraction)}}"
            if zone:
                made += zone if zone in "Zz" else "+00:00"
        return made
