"""JSON with comments is read, with the line of everything in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.tooling.jsonc import JsoncError, read_jsonc

TEXT = """\
// a comment
{
  "name": "shop", // another
  /* one
     over lines */
  "list": [1, 2.5, -3e2, true, false, null,],
  "inner": {"url": "https://example.org//x", "text": "a \\"quoted\\" /* word */"},
}
"""


def test_comments_and_trailing_commas_are_read_over() -> None:
    assert read_jsonc(TEXT).plain() == {
        "name": "shop",
        "list": [1, 2.5, -300.0, True, False, None],
        "inner": {"url": "https://example.org//x", "text": 'a "quoted" /* word */'},
    }


def test_every_value_knows_its_line_and_its_place() -> None:
    node = read_jsonc(TEXT)
    name, third = node.get("name"), node.get("list", 2)
    assert name is not None and third is not None
    assert (node.line, name.line, third.line) == (2, 3, 6)
    assert TEXT[name.start : name.end] == '"shop"'
    assert TEXT[third.start : third.end] == "-3e2"


def test_a_path_that_is_not_there_gives_nothing() -> None:
    node = read_jsonc(TEXT)
    for path in (("other",), ("name", "x"), ("list", 6), ("list", "x"), ("inner", 0)):
        assert node.get(*path) is None


def test_a_key_given_twice_is_remembered_and_the_last_one_counts() -> None:
    node = read_jsonc('{"a": 1,\n "b": 2,\n "a": 3}')
    assert node.plain() == {"a": 3, "b": 2}
    assert node.repeated == (("a", 3),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the end of the file"),
        ("{", 1, "the end of the file"),
        ('{"a" 1}', 1, "a colon is expected after 'a'"),
        ('{"a": 1\n "b": 2}', 2, '"," or "}" is expected'),
        ("{'a': 1}", 1, "a key in double quotes"),
        ("[1,, 2]", 1, "a value is expected, not ','"),
        ("[1\n2]", 2, '"," or "]" is expected'),
        ('\n"a\nb"', 2, "a string has no end"),
        ('"\\q"', 1, "unknown escape"),
        ("{} x", 1, "something follows"),
        ("nothing", 1, "not 'nothing'"),
        ("[1 /* never ends", 1, "a comment has no end"),
        ("[01]", 1, '"," or "]" is expected'),
        ("[" * 200 + "]" * 200, 1, "nested deeper"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(JsoncError) as caught:
        read_jsonc(text)
    assert caught.value.line == line
    assert message in caught.value.message


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON, st.sampled_from([None, 2]), st.booleans())
def test_what_json_writes_is_read_as_json_reads_it(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert read_jsonc(text).plain() == json.loads(text)


@given(st.text(alphabet='{}[]",:/*\n 1a', max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = read_jsonc(text)
    except JsoncError as error:
        assert 1 <= error.line <= text.count("\n") + 1
    else:
        assert 0 <= node.start < node.end <= len(text)
