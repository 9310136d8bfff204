"""A run as one HTML file, to step through: ``render_html``.

Owns the page and everything in it. ``page`` puts it together, ``data`` says what it shows, ``lanes`` who has
a lane, ``values`` how a record is shown; ``page.html``, ``page.css`` and the ``.js`` files beside them are
what a browser sees. Invariants: one file that asks no network for anything; whatever text a run holds is
shown and never obeyed; the same run gives the same file. Must not import: the command line.
"""

from __future__ import annotations

from .page import render_html

__all__ = ["render_html"]
