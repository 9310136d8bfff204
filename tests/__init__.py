"""The project's tests. A package only so that `tests.tidy` is found before any other `tests` installed."""
