"""The ``temporal-do`` command: the composition root. It may import every room; no room imports it."""
