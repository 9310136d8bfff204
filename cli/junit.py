"""JUnit XML, as far as CI systems read it: one suite, one case per scenario and per further failure.

Owns the form. Invariant: what is written is well-formed whatever the texts hold. Must not import: the
simulator.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

import attrs


@attrs.frozen(kw_only=True)
class JunitCase:
    """One case. ``kind`` is "" if it passed; ``error``: it says nothing about the code under test."""

    name: str
    classname: str
    seconds: float = 0.0
    kind: str = ""
    error: bool = False
    message: str = ""
    text: str = ""
    properties: tuple[tuple[str, str], ...] = ()


def junit_xml(suite: str, cases: Iterable[JunitCase]) -> str:
    """The document."""
    every = list(cases)
    root = ElementTree.Element("testsuites")
    found = ElementTree.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(every)),
        failures=str(sum(bool(case.kind) and not case.error for case in every)),
        errors=str(sum(bool(case.kind) and case.error for case in every)),
        skipped="0",
        time=f"{sum(case.seconds for case in every):.3f}",
    )
    for case in every:
        element = ElementTree.SubElement(
            found,
            "testcase",
            classname=_clean(case.classname),
            name=_clean(case.name),
            time=f"{case.seconds:.3f}",
        )
        if case.properties:
            properties = ElementTree.SubElement(element, "properties")
            for name, value in case.properties:
                ElementTree.SubElement(properties, "property", name=_clean(name), value=_clean(value))
        if case.kind:
            problem = ElementTree.SubElement(
                element,
                "error" if case.error else "failure",
                type=_clean(case.kind),
                message=_clean(case.message),
            )
            problem.text = _clean(case.text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(char if char in "\t\n\r" or _is_allowed(ord(char)) else "�" for char in text)


def _is_allowed(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
