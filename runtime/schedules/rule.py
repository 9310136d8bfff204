"""A repeating local time (one cron expression, one calendar) and the instants at which it fires.

Owns the walk over local readings and **the rule for changes of the clocks**:

- A rule that admits every hour of the day (hour field ``*``) follows elapsed time. It fires whenever the
  wall shows a matching reading: in a repeated hour again, in a skipped hour not at all, because an hour
  that is skipped takes no time. ``*/30 * * * *`` therefore fires every 30 real minutes.
- Any other rule names times of the day, and each named time of a day fires exactly once. A reading shown
  twice fires the first time. A reading that is skipped fires when the gap ends; several skipped readings
  of one gap, and a reading which the end of the gap shows anyway, fire together, once.

This is what Vixie cron does with its wildcard and fixed-time jobs, made exact, and it holds for every kind
of change: half an hour (Lord Howe), at midnight (Sao Paulo), a whole day (Apia in 2011).

Invariants: fire times strictly increase; the answer depends on the arguments and the zone data only.

Must not import: croniter (``cron.py`` parses), the host, a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from .zones import FIRST_INSTANT, LAST_INSTANT, end_of_gap, instants_of, local_reading, second_pass_after

# Days, months and leap years repeat within 40 years (a 29 February on a given weekday, across 2100).
SEARCH_YEARS = 41
_SECOND = timedelta(seconds=1)


class LocalRule:
    """Which local readings match: sorted fields for the time of day, and a test for the day.

    ``days`` and ``weekdays`` (0 is Sunday) are None when unrestricted. ``nth_weekdays`` holds pairs
    (weekday, n), n from 1 to 5, or 0 for the last of the month. ``either_day`` says how a restricted day of
    the month and a restricted day of the week combine: one is enough (cron), or both must match (calendar).
    """

    __slots__ = (
        "days",
        "either_day",
        "every_hour",
        "hours",
        "last_day",
        "minutes",
        "months",
        "nth_weekdays",
        "seconds",
        "weekdays",
        "years",
    )

    def __init__(
        self,
        *,
        seconds: Iterable[int],
        minutes: Iterable[int],
        hours: Iterable[int],
        days: Iterable[int] | None,
        months: Iterable[int],
        weekdays: Iterable[int] | None,
        years: Iterable[int] | None = None,
        last_day: bool = False,
        nth_weekdays: Iterable[tuple[int, int]] = (),
        either_day: bool,
    ) -> None:
        self.seconds = tuple(sorted(set(seconds)))
        self.minutes = tuple(sorted(set(minutes)))
        self.hours = tuple(sorted(set(hours)))
        self.months = tuple(sorted(set(months)))
        self.days = None if days is None else frozenset(days)
        self.weekdays = None if weekdays is None else frozenset(weekdays)
        self.years = None if years is None else tuple(sorted(set(years)))
        self.last_day = last_day
        self.nth_weekdays = frozenset(nth_weekdays)
        self.either_day = either_day
        self.every_hour = len(self.hours) == 24

    def next_reading(self, reading: datetime) -> datetime | None:
        """The first matching reading at or after ``reading``; None when there is none for 41 years."""
        time_of_day = self._next_time(reading.hour, reading.minute, reading.second)
        if time_of_day is not None and self._matches_day(reading.year, reading.month, reading.day):
            return datetime(reading.year, reading.month, reading.day, *time_of_day)
        first_time = (self.hours[0], self.minutes[0], self.seconds[0])
        for year in self._years_from(reading.year):
            this_year = year == reading.year
            for month in self.months:
                if this_year and month < reading.month:
                    continue
                this_month = this_year and month == reading.month
                for day in range(reading.day + 1 if this_month else 1, monthrange(year, month)[1] + 1):
                    if self._matches_day(year, month, day):
                        return datetime(year, month, day, *first_time)
        return None

    def _years_from(self, year: int) -> Iterable[int]:
        if self.years is None:
            return range(year, min(year + SEARCH_YEARS, 9999) + 1)
        return self.years[bisect_left(self.years, year) :]

    def _next_time(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """The first matching time of the day at or after the given one."""
        at = bisect_left(self.hours, hour)
        if at < len(self.hours) and self.hours[at] == hour:
            within = bisect_left(self.minutes, minute)
            if within < len(self.minutes) and self.minutes[within] == minute:
                exact = bisect_left(self.seconds, second)
                if exact < len(self.seconds):
                    return hour, minute, self.seconds[exact]
                within += 1
            if within < len(self.minutes):
                return hour, self.minutes[within], self.seconds[0]
            at += 1
        if at < len(self.hours):
            return self.hours[at], self.minutes[0], self.seconds[0]
        return None

    def _matches_day(self, year: int, month: int, day: int) -> bool:
        if month not in self.months or (self.years is not None and year not in self.years):
            return False
        any_day = self.days is None and not self.last_day
        any_weekday = self.weekdays is None and not self.nth_weekdays
        if any_day and any_weekday:
            return True
        first_weekday, length = monthrange(year, month)
        by_day = any_day or (self.days is not None and day in self.days) or (self.last_day and day == length)
        weekday = (first_weekday + day) % 7  # monthrange counts from Monday = 0, a rule from Sunday = 0
        by_weekday = any_weekday or (self.weekdays is not None and weekday in self.weekdays)
        if not by_weekday and self.nth_weekdays:
            nth = (day - 1) // 7 + 1
            by_weekday = (weekday, nth) in self.nth_weekdays or (
                day + 7 > length and (weekday, 0) in self.nth_weekdays
            )
        if self.either_day and not any_day and not any_weekday:
            return by_day or by_weekday
        return by_day and by_weekday

    def next_instant(self, zone: tzinfo, after: int) -> int | None:
        """The first fire time strictly after ``after`` (seconds since the Unix epoch), or None."""
        if after >= LAST_INSTANT:
            return None
        after = max(after, FIRST_INSTANT)
        found = self._first_reading_after(zone, after)
        if not self.every_hour:
            return found
        set_back = second_pass_after(zone, after)
        if set_back is None:
            return found
        # The wall is about to repeat itself: readings that are already past come a second time.
        again = self.next_reading(local_reading(zone, set_back))
        if again is not None:
            repeated = instants_of(zone, again)
            if repeated and (found is None or repeated[-1] < found):
                return repeated[-1]
        return found

    def _first_reading_after(self, zone: tzinfo, after: int) -> int | None:
        # Earlier readings than the present one fire no later than it does, so the walk starts behind it.
        reading = self.next_reading(local_reading(zone, after) + _SECOND)
        while reading is not None:
            for instant in self._fires_at(zone, reading):
                if instant > after:
                    return instant if instant <= LAST_INSTANT else None
            reading = self.next_reading(reading + _SECOND)
        return None

    def _fires_at(self, zone: tzinfo, reading: datetime) -> tuple[int, ...]:
        instants = instants_of(zone, reading)
        if self.every_hour:
            return instants
        return instants[:1] or (end_of_gap(zone, reading),)
