"""Schedules: when workflows start by themselves. The pure part: specifications, times and state machine.

The way through: ``spec.py`` (what is asked for; ``cron.py``, ``calendars.py`` read it) -> ``rule.py`` and
``zones.py`` (local times to instants, and the rule for changes of the clocks) -> ``jitter.py`` ->
``transitions.py`` (what a schedule does at a time, with ``overlap.py``'s table) over ``state.py``.

Nothing here waits, reads a clock or knows a host: time is an argument, in integer nanoseconds since the
Unix epoch. The durable object that hosts a schedule only stores the state and carries out the effects.
This file imports nothing, so that a program without schedules does not pay for them.
"""
