"""Make `docs/images/demo.svg`: what `make demo` prints, as a picture for the README.

    .venv/bin/python docs/images/render_demo.py

Runs the demo with its colours on, reads the ANSI sequences and writes an SVG with the terminal's own dark
background, so that it reads the same on a light and on a dark page. Each run of one style is stretched to its
columns, so that it lines up in any monospaced font. Needs nothing but the package.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from temporal_do.sim.timeline_text import width_of

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).with_name("demo.svg")
COLUMNS = 112
CELL_WIDTH, LINE_HEIGHT, FONT_SIZE = 8.0, 17, 13
MARGIN, BAR = 18, 34
FOLD_INDENT = 6
STOP = "What to try next"  # the end of the demo is for the terminal

FOREGROUND, BACKGROUND, FRAME = "#d7dce2", "#16191f", "#2c323c"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
STYLES = {
    "1": "font-weight:bold;fill:#ffffff",
    "2": "fill:#8a94a3",
    "31": "fill:#ff7b72",
    "32": "fill:#7ee787",
    "33": "fill:#e3b341",
    "34": "fill:#79b8ff",
    "35": "fill:#d2a8ff",
    "36": "fill:#56d4dd",
    "1;36": "font-weight:bold;fill:#56d4dd",
}
ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


def demo_output() -> str:
    """What the demo prints, colours included."""
    run = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py"), "--colour", "always"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


def spans(line: str) -> Iterator[tuple[int, str, str]]:
    """The pieces of a line in one style: (column, text, ANSI code)."""
    column, code, at = 0, "", 0
    for match in [*ESCAPE.finditer(line), None]:
        text = line[at : match.start() if match else len(line)]
        if text:
            yield column, text, code
            column += width_of(text)
        if match:
            code = "" if match.group(1) in ("", "0") else match.group(1)
            at = match.end()


def fold(line: str) -> Iterator[list[tuple[int, str, str]]]:
    """The spans of a line, and of the lines that a narrow terminal makes of it."""
    row: list[tuple[int, str, str]] = []
    shift = 0
    for column, text, code in spans(line):
        column -= shift
        while column + width_of(text) > COLUMNS:
            cut = text.rfind(" ", 0, COLUMNS - column) + 1 or COLUMNS - column
            row.append((column, text[:cut], code))
            yield row
            row, text = [], text[cut:]
            shift += column + cut - FOLD_INDENT
            column = FOLD_INDENT
        row.append((column, text, code))
    yield row


def words(column: int, text: str) -> Iterator[tuple[int, str]]:
    """`text` without its stretches of spaces, each piece with its column."""
    for match in re.finditer(r"\S+(?: \S+)*", text):
        yield column + width_of(text[: match.start()]), match.group(0)


def render(output: str, command: str = "$ make demo") -> str:
    """An SVG of a terminal that shows `command` and `output`."""
    lines = [row for line in (command, *output.rstrip().splitlines()) for row in fold(line)]
    width = round(COLUMNS * CELL_WIDTH + 2 * MARGIN)
    height = BAR + len(lines) * LINE_HEIGHT + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="A terminal that shows make demo">',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="9" fill="{BACKGROUND}" '
        f'stroke="{FRAME}"/>',
    ]
    for index, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        out.append(f'<circle cx="{20 + 18 * index}" cy="17" r="5.5" fill="{colour}"/>')
    out.append(
        f'<g font-family="{FONT}" font-size="{FONT_SIZE}" fill="{FOREGROUND}" style="white-space:pre">'
    )
    for row, line in enumerate(lines):
        y = BAR + row * LINE_HEIGHT + FONT_SIZE
        for column, styled, code in line:
            style = f' style="{STYLES[code]}"' if code in STYLES else ""
            for at, text in words(column, styled):
                x, length = MARGIN + at * CELL_WIDTH, width_of(text) * CELL_WIDTH
                out.append(
                    f'<text x="{x:g}" y="{y}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs"{style}>'
                    f"{escape(text)}</text>"
                )
    return "\n".join([*out, "</g>", "</svg>", ""])


def main() -> None:
    """Write the picture."""
    shown = demo_output().split(STOP)[0]
    shown = shown[: shown.rfind("\n\n")] if shown.endswith("m") else shown
    TARGET.write_text(render(shown), "utf-8")


if __name__ == "__main__":
    main()
