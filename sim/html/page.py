"""The file: the data of a run in a page with its style and its scripts.

Owns how they get into one text. Data is JSON in a script element that no browser runs, escaped so that it
cannot end the element; everything else that comes from a run goes through ``html.escape``. The page forbids
itself (Content-Security-Policy, by hash) every script and style but its own, and any connection. Must not
import: the simulation.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Final

from ..timeline_text import duration_text
from .data import page_data

if TYPE_CHECKING:
    from ..scenario import RunResult
    from ..simulation import Simulation

SCRIPTS: Final = ("model.js", "diagram.js", "details.js", "main.js")


def render_html(result: RunResult, simulation: Simulation, *, passing: Simulation | None = None) -> str:
    """One self-contained page to step through the run ``result`` of ``simulation``, which is over.

    ``passing``: a run of the same scenario that went well; it is shown side by side, both at the first step
    that differs. Give simulations whose traces keep all steps (``run_and_keep``).
    """
    return _page(page_data(result, simulation, passing))


def _page(data: Mapping[str, Any]) -> str:
    style = _asset("page.css")
    script = "(() => {\n'use strict';\n" + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();\n"
    return Template(_asset("page.html")).substitute(
        title=escape(f"{data['scenario']}, seed {data['seed']}"),
        policy=f"default-src 'none'; style-src {_allowed(style)}; script-src {_allowed(script)}",
        style=style,
        script=script,
        data=_inert(data),
        scenario=escape(data["scenario"]),
        verdict=_verdict(data),
        facts=escape(_facts(data)),
        violations="\n".join(map(_violation, data["violations"])),
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _allowed(text: str) -> str:
    """The source expression of a Content-Security-Policy that allows exactly this inline text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _inert(data: Mapping[str, Any]) -> str:
    """JSON in which nothing can end the element that holds it or open another."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, sort_keys=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _verdict(data: Mapping[str, Any]) -> str:
    count = len(data["violations"])
    if not count:
        return '<span class="verdict good">every promise held</span>'
    return f'<span class="verdict bad">{count} broken promise{"s" * (count != 1)}</span>'


def _facts(data: Mapping[str, Any]) -> str:
    run, faults = data["runs"][0], data["faults"]
    facts = [
        f"seed {data['seed']}",
        f"{duration_text(data['virtual_ns'])} of virtual time",
        f"{run['total']:,} steps",
        f"{faults} fault{'s' * (faults != 1)} struck",
    ]
    if len(run["steps"]) < run["total"]:
        last = run["first"] + len(run["steps"]) - 1
        facts.append(f"shown are steps {run['first']:,} to {last:,}")
    return " · ".join(facts)


def _violation(violation: Mapping[str, Any]) -> str:
    first, _, rest = violation["message"].partition("\n")
    links = " ".join(
        f'<button type="button" data-step="{step}">#{step}</button>' for step in violation["steps"]
    )
    place = f'<p class="place">{escape(violation["location"])}</p>' if violation["location"] else ""
    more = f"<details><summary>more</summary><pre>{escape(rest)}</pre></details>" if rest.strip() else ""
    return (
        f'<article class="violation"><p><strong>{escape(violation["kind"])}</strong> '
        f"{escape(violation['checker'])}</p><p>{escape(first)}</p>{place}{more}"
        f'<p class="jumps">{links}</p></article>'
    )
