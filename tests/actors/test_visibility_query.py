"""The list filter: what it selects, and what it says when it cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.history import Payload, SearchAttributes
from temporal_do.runtime.messages.visibility import ExecutionRecord
from temporal_do.runtime.visibility_query import FIELDS, matches, parse

START_NS = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z


def attribute(data: str, kind: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain", "type": kind.encode()}, data=data.encode())


RUN = ExecutionRecord(
    namespace="default",
    workflow_id="order-17",
    run_id="r-1",
    workflow_type="it's",
    task_queue="main",
    status="WORKFLOW_EXECUTION_STATUS_TIMED_OUT",
    start_ns=START_NS + 123,
    version=1,
    history_length=40,
    search_attributes=SearchAttributes(
        indexed_fields={
            "Customer": attribute('"c1"', "Keyword"),
            "Amount": attribute("12", "Int"),
            "Weight": attribute("2.5", "Double"),
            "Urgent": attribute("true", "Bool"),
            "Due": attribute('"2026-02-01T12:00:00+01:00"', "Datetime"),
            "Tags": attribute('["red", "green"]', "KeywordList"),
            "odd name": attribute('"x"', "Keyword"),
            "Empty": attribute("[]", "KeywordList"),
        }
    ),
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "WorkflowId = 'order-17'",
        'WorkflowId="order-17"',
        "WorkflowType = 'it''s'",
        'WorkflowType = "it\'s"',
        "WorkflowId STARTS_WITH 'order-' and TaskQueue != 'other'",
        "WorkflowId not starts_with 'x'",
        "ExecutionStatus = 'TimedOut'",
        "ExecutionStatus = 'timed_out'",
        "ExecutionStatus IN ('Running', 'WORKFLOW_EXECUTION_STATUS_TIMED_OUT')",
        "ExecutionStatus <> 'Running'",
        "StartTime >= '2026-01-01T00:00:00Z'",
        "StartTime = '2026-01-01T00:00:00.000000123Z'",
        "StartTime < '2026-01-01T01:00:01+01:00'",
        "StartTime BETWEEN '2025-12-31' AND '2026-01-02'",
        f"StartTime = {START_NS + 123}",
        "CloseTime IS NULL",
        "NOT CloseTime IS NOT NULL",
        "NOT CloseTime > '2020-01-01'",
        "ParentWorkflowId IS NULL",
        "HistoryLength > 39 AND HistoryLength <= 40",
        "Customer = 'c1' AND `odd name` = 'x'",
        "Amount = 12 AND Amount = 12.0 AND Amount BETWEEN 12 AND 13 AND Amount > -1",
        "Weight > 2 AND Weight < 2.6e0",
        "Urgent = true AND Urgent != FALSE",
        "Due > '2026-02-01T10:59:59Z' AND Due < '2026-02-01T11:00:01Z' AND Due = '2026-02-01T11:00:00Z'",
        "Tags = 'red' AND Tags IN ('blue', 'green') AND Tags != 'blue' AND Tags STARTS_WITH 'gr'",
        "Missing IS NULL AND Missing != 'x' AND NOT Missing = 'x' AND Empty IS NULL",
        "Customer IS NOT NULL",
        "(Amount = 1 OR Amount = 12) AND NOT (Amount = 1 OR Urgent = false)",
        "Amount = 12 OR Amount = 1 AND Amount = 2",
    ],
)
def test_the_filter_selects_the_run(query: str) -> None:
    assert matches(parse(query), RUN)


@pytest.mark.parametrize(
    "query",
    [
        "WorkflowId = 'ORDER-17'",
        "ExecutionStatus = 'Running'",
        "ExecutionStatus NOT IN ('TimedOut')",
        "StartTime > '2026-01-01T00:00:01Z'",
        "CloseTime IS NOT NULL",
        "CloseTime > '2020-01-01'",
        "ParentWorkflowId = ''",
        "Customer = 1",
        "Amount = '12'",
        "Amount = true",
        "Urgent = 1",
        "Due = 'soon'",
        "Tags = 'blue'",
        "Tags NOT IN ('red')",
        "Missing = 'x'",
        "Customer IS NULL",
        "Amount NOT BETWEEN 1 AND 20",
        "NOT (Amount = 12)",
        "(Amount = 12 OR Amount = 1) AND Amount = 2",
    ],
)
def test_the_filter_does_not_select_the_run(query: str) -> None:
    assert not matches(parse(query), RUN)


@pytest.mark.parametrize(
    ("query", "position", "text"),
    [
        ("WorkflowId", 11, "expected =, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH or IS NULL, but"),
        ("WorkflowId 'x'", 12, "found \"'x'\""),
        ("WorkflowId = x", 14, "'text' in quotes"),
        ("WorkflowId = 3", 14, "a text in quotes for WorkflowId"),
        ("WorkflowId = 'x", 14, "expected"),
        ("= 'x'", 1, "expected a field"),
        ("(WorkflowId = 'x'", 18, "expected ')'"),
        ("WorkflowId = 'x')", 17, "expected AND, OR or the end"),
        ("WorkflowId = 'x' TaskQueue = 'y'", 18, "expected AND, OR or the end"),
        ("WorkflowId IN 'x'", 15, "expected '('"),
        ("WorkflowId IN ('x' 'y')", 20, "expected ',' or ')'"),
        ("WorkflowId STARTS_WITH 3", 24, "a text in quotes"),
        ("WorkflowId IS 'x'", 15, "NULL or NOT NULL"),
        ("StartTime BETWEEN 1 OR 2", 21, "expected AND"),
        ("StartTime > 'yesterday'", 13, "2026-01-31T12:00:00Z"),
        ("StartTime > '2026-13-01'", 13, "a time for StartTime"),
        ("ExecutionStatus = 'Sleeping'", 19, "Running, Completed, Failed"),
        ("HistoryLength > 'x'", 17, "a number for HistoryLength"),
        ("WorkflowId = 'x' ORDER BY StartTime", 18, "results are always ordered by start time, newest first"),
        ("ORDER BY StartTime", 1, "always ordered by start time, newest first"),
        ("WorkflowId LIKE 'x%'", 12, "not supported"),
        ("WorkflowId NOT = 'x'", 16, "IN, BETWEEN or STARTS_WITH"),
        ("Amount = 1 AND", 15, "expected a field, but the filter ends"),
        ("Amount ~ 1", 8, "found '~'"),
        ("(" * 300 + "Amount = 1" + ")" * 300, 102, "levels are nested"),
    ],
)
def test_an_unreadable_filter_says_where_and_what_is_accepted(query: str, position: int, text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(query)
    message = str(caught.value)
    assert message.startswith(f"list filter, position {position}: ")
    assert text in message
    assert "accepted are terms such as" in message
    assert caught.value.fields["position"] == position


def test_a_filter_that_is_no_text_is_refused() -> None:
    wrong: Any = 3
    with pytest.raises(InvalidArgumentError, match="not 3"):
        parse(wrong)


alphabet = st.sampled_from(list("WAmount'\"=<>() ,`~1.\\é\n"))


@given(st.text(alphabet, max_size=30) | st.text(max_size=20))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        parsed = parse(text)
    except InvalidArgumentError:
        return
    assert matches(parsed, RUN) in (True, False)


connectives = st.sampled_from(["AND", "OR"])
values = st.sampled_from(["'a'", "3", "2.5", "true", "'2026-01-01T00:00:00Z'"])
terms = st.recursive(
    st.builds(lambda value: f"Custom = {value}", values)
    | st.builds(lambda low, high: f"Amount BETWEEN {low} AND {high}", values, values)
    | st.sampled_from([f"{field} IS NULL" for field in FIELDS]),
    lambda inner: (
        st.builds(lambda left, word, right: f"({left} {word} {right})", inner, connectives, inner)
        | st.builds(lambda term: f"NOT {term}", inner)
    ),
    max_leaves=8,
)


@given(terms, terms)
def test_the_connectives_mean_what_they_mean_in_python(left: str, right: str) -> None:
    a, b = matches(parse(left), RUN), matches(parse(right), RUN)
    assert matches(parse(f"{left} AND {right}"), RUN) == (a and b)
    assert matches(parse(f"{left} OR {right}"), RUN) == (a or b)
    assert matches(parse(f"NOT {left}"), RUN) == (not a)
