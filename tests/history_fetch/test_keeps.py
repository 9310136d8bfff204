"""Redacted histories get the verdict of the originals; where they cannot, the values to keep are found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import combinations
from random import Random
from typing import Any

import attrs
import pytest

from examples.shop.app import temporal as shop
from examples.shop.outside import Outside, use_outside
from examples.shop.worker import worker as shop_worker
from temporal_do import scenarios
from temporal_do.edge_adapter.tooling.fetch_keeps import Needed, redact_checked
from temporal_do.edge_adapter.tooling.fetch_paths import Pattern, parse_pattern, render
from temporal_do.edge_adapter.tooling.fetch_pseudonyms import Pseudonyms
from temporal_do.edge_adapter.tooling.fetch_redaction import redact
from temporal_do.runtime import ActivityError, ApplicationError, Temporal, Worker, WorkflowContext
from temporal_do.runtime.history import History, HistoryEvent, Payload, read_history, write_history
from temporal_do.runtime.payloads import DataConverter
from temporal_do.runtime.records import evolve
from temporal_do.runtime.workflow.replay import replay_history
from temporal_do.sim import Replayer, Simulation, Verdict
from temporal_do.sim.produced import ProducedHistory, produced_histories
from temporal_do.sim.runner import run_and_keep
from tests.edge_shop.customers import EVERYBODY
from tests.history_fetch.canaries import contents
from tests.replay import app
from tests.replay.conftest import _record

PSEUDONYMS = Pseudonyms(b"k" * 32)


class Rank(Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Line:
    sku: str
    amount: int
    rank: Rank = Rank.LOW


@attrs.frozen
class Order:
    id: str
    customer: str
    total: int
    express: bool
    wait_hours: int
    lines: tuple[Line, ...]


temporal = Temporal(namespace="kept")


@temporal.activity
async def note(*values: Any) -> list[Any]:
    return list(values)


@temporal.activity
async def refuse(why: str) -> None:
    raise ApplicationError(why, {"card": "4242"}, type="Refused", non_retryable=True)


@temporal.workflow("straight")
async def straight(ctx: WorkflowContext, order: Order) -> Any:
    """Passes values on, computes with them, and depends on a flag only."""
    ctx.upsert_memo({"customer": order.customer})
    sums = await ctx.activity("sum", lambda: note(order.total * 2, [line.sku for line in order.lines]))
    if order.express:
        await ctx.activity("hurry", lambda: note(order.id, str(sums)))
    try:
        await ctx.activity("refuse", lambda: refuse(f"no {order.customer}"))
    except ActivityError as error:
        raise ApplicationError(f"refused: {error.cause}", order.customer) from None


@temporal.workflow("branching")
async def branching(ctx: WorkflowContext, order: Order) -> str:
    """What it does comes from the total's last digit, which no other of its numbers has."""
    if order.total == 1750:
        await ctx.activity("even", lambda: note(order.customer))
    else:
        await ctx.sleep("odd", "1d")
    return order.customer


@temporal.workflow("waiting")
async def waiting(ctx: WorkflowContext, order: Order) -> int:
    await ctx.sleep("as ordered", f"{order.wait_hours}h")
    return order.total


@temporal.workflow("kin")
async def kin(ctx: WorkflowContext, order: Order) -> Any:
    return await asyncio.gather(
        *(ctx.execute_child("leaf", line.sku, workflow_id=f"{order.id}/{line.sku}") for line in order.lines)
    )


@temporal.workflow("leaf")
async def leaf(ctx: WorkflowContext, sku: str) -> str:
    return sku


@temporal.workflow("reading")
async def reading(ctx: WorkflowContext) -> int:
    """An activity's result and a signal's word decide."""
    found = await ctx.activity("note", lambda: note("alpha", "beta"))
    word = await ctx.wait_for_signal("word")
    count = int(found == ["alpha", "beta"]) + int(word == "go")
    for number in range(count):
        await ctx.activity(f"step {number}", lambda: note("x"))
    return count


@temporal.workflow("fussy")
async def fussy(ctx: WorkflowContext, order: Order) -> None:
    """A failure's text decides."""
    try:
        await ctx.activity("refuse", lambda: refuse("try later"))
    except ActivityError as error:
        if "later" in str(error.cause):
            await ctx.sleep("later", "1h")


worker = Worker(
    namespace="kept",
    task_queue="main",
    workflows=list(temporal.workflows.values()),
    activities=[note, refuse],
)
LINES = (Line("tea", 2, Rank.HIGH), Line("pot", 1))
ORDER = Order("o-17", "customer ada", 1750, True, 36, LINES)


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    """Workflow type -> the history of one run."""

    async def record() -> dict[str, History]:
        found = {}
        for name in temporal.workflows:
            args = [] if name == "reading" else ["tea"] if name == "leaf" else [ORDER]
            handle = await temporal.start_workflow(name, workflow_id=f"{name}-1", args=args)
            if name == "reading":
                await handle.signal("word", "go")
            try:
                await handle.result()
            except Exception:
                assert name == "straight"
            found[name] = await handle.fetch_history()
        return found

    with Simulation() as simulation:
        simulation.run(worker)
        return simulation.execute(record)


def verdict_with(workflows: Any) -> Callable[[History], Any]:
    replayer = Replayer(workflows)
    return lambda history: replayer.replay_corpus([history]).histories[0].verdict


VERDICT = verdict_with(temporal)


def needed(history: History, *keeps: str, verdict: Callable[[History], Any] = VERDICT) -> Needed:
    return redact_checked(history, PSEUDONYMS, [parse_pattern(text) for text in keeps], verdict)


def rendered(found: Needed) -> list[str]:
    assert found.history is None and found.keeps is not None
    return [render(each) for each in found.keeps]


def test_computed_arguments_results_and_failures_are_not_taken_for_changes(
    histories: dict[str, History],
) -> None:
    found = needed(histories["straight"], "straight.input[0].lines[*].rank")
    assert found.history is not None
    text = write_history(found.history)
    assert not [each for each in contents(text) if "customer ada" in each]
    again = Replayer(temporal).replay(read_history(text)).histories[0]
    assert (again.ok, again.warnings) == (True, ())


@pytest.mark.parametrize(
    "name, expected",
    [
        ("branching", ["branching.input[0].lines[*].rank", "branching.input[0].total"]),
        ("waiting", ["waiting.input[0].lines[*].rank", "waiting.input[0].wait_hours"]),
        ("kin", ["kin.input[0].id", "kin.input[0].lines[*].rank", "kin.input[0].lines[*].sku"]),
        ("reading", ["reading.activity.note.result[0][*]", "reading.signal.word.input[0]"]),
        ("fussy", ["fussy.activity.refuse.failure.message", "fussy.input[0].lines[*].rank"]),
        ("straight", ["straight.input[0].lines[*].rank"]),
    ],
)
def test_the_values_that_decide_are_found_and_no_others(
    histories: dict[str, History], name: str, expected: list[str]
) -> None:
    found = rendered(needed(histories[name]))
    assert sorted(found) == expected
    with_them = needed(histories[name], *found)
    assert with_them.history is not None
    for fewer in range(len(found)):
        for some in combinations(found, fewer):
            assert needed(histories[name], *some).history is None


def test_nothing_is_kept_that_nobody_asked_for(histories: dict[str, History]) -> None:
    found = needed(histories["branching"], "branching.input[0].total", "branching.input[0].lines[*].rank")
    assert found.history is not None
    kept = json.loads(found.history.events[0].attributes.input[0].data)
    assert kept["total"] == 1750 and [line["rank"] for line in kept["lines"]] == ["high", "low"]
    assert "customer ada" not in str(kept) and kept["wait_hours"] != 36


def test_what_other_histories_needed_is_tried_first(histories: dict[str, History]) -> None:
    tries: list[History] = []

    def counting(history: History) -> Any:
        tries.append(history)
        return VERDICT(history)

    hints = [parse_pattern(text) for text in rendered(needed(histories["kin"]))]
    tries.clear()
    found = redact_checked(histories["kin"], PSEUDONYMS, (), counting, hints)
    assert sorted(found.keeps or ()) == sorted(hints)
    assert len(tries) < 15


def test_an_old_verdict_stays_too(histories: dict[str, History]) -> None:
    other = Temporal(namespace="kept")

    @other.workflow("leaf")
    async def changed(ctx: WorkflowContext, sku: str) -> str:
        await ctx.sleep("first", "1d")
        return sku

    found = needed(histories["leaf"], verdict=verdict_with(other))
    assert found.history is not None
    with pytest.raises(Exception, match="first"):
        Replayer(other).replay(found.history)


def test_a_changed_order_is_still_found_in_redacted_histories() -> None:
    with Simulation() as simulation:
        simulation.run(app.worker)
        recorded = simulation.execute(_record)
    for history in recorded.values():
        for workflows in (app.temporal, app.changed, app.patient):
            verdict = verdict_with(workflows)
            assert verdict(redact(history, PSEUDONYMS, [])[0]) == verdict(history)


class Sealed(DataConverter):
    """Encrypts, so to say."""

    __slots__ = ()

    def to_payload(self, value: Any, *, where: str = "value") -> Payload:
        plain = super().to_payload(value, where=where)
        return Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x01" + plain.data[::-1])

    def from_payload(self, payload: Payload, type_hint: Any = Any, *, where: str = "value") -> Any:
        if payload.data[:1] != b"\x01":
            raise ValueError("not sealed")
        plain = Payload(metadata={"encoding": b"json/plain"}, data=payload.data[:0:-1])
        return super().from_payload(plain, type_hint, where=where)


def test_a_sealed_value_that_code_reads_can_only_be_kept_whole(histories: dict[str, History]) -> None:
    sealed = Temporal(namespace="kept", converter=Sealed())

    @sealed.workflow("leaf")
    async def same(ctx: WorkflowContext, sku: str) -> str:
        return sku

    def seal(event: HistoryEvent) -> HistoryEvent:
        attributes = event.attributes
        for field in ("input", "result"):
            if getattr(attributes, field, None):
                attributes = evolve(attributes, **{field: (sealed.converter.to_payload("tea"),)})
        return evolve(event, attributes=attributes)

    history = History(events=tuple(map(seal, histories["leaf"].events)), workflow_id="leaf-1")
    verdict = verdict_with(sealed)
    assert verdict(history) is Verdict.OK
    assert rendered(needed(history, verdict=verdict)) == ["leaf.input[0]"]
    assert needed(history, "leaf.input", verdict=verdict).history is not None


def test_where_nothing_helps_it_is_said(histories: dict[str, History]) -> None:
    def picky(history: History) -> Any:
        return history == histories["leaf"]

    assert needed(histories["leaf"], verdict=picky) == Needed(history=None, keeps=None)


def _some(found: Sequence[ProducedHistory]) -> list[ProducedHistory]:
    """Of every type a few, of different lengths."""
    chosen: dict[tuple[str, int], ProducedHistory] = {}
    for each in found:
        chosen.setdefault((each.workflow_type, len(each.history.events) // 10), each)
    return list(chosen.values())


@pytest.mark.parametrize("name", list(scenarios.SCENARIOS))
def test_histories_of_every_scenario_get_the_verdict_of_the_originals(name: str) -> None:
    _, simulation = run_and_keep(scenarios.SCENARIOS[name], seed=1, checkers=[])
    hints: dict[Pattern, None] = {}
    checked = 0
    for each in _some(list(produced_histories(simulation.platform))):
        definition = simulation.deployment.workflow(each.namespace, each.task_queue, each.workflow_type)
        if definition is None:
            continue

        def verdict(history: History, each: ProducedHistory = each, definition: Any = definition) -> Any:
            result = replay_history(history, [definition], namespace=each.namespace, run_id=each.run_id)
            return type(result.error)

        found = redact_checked(each.history, PSEUDONYMS, (), verdict, tuple(hints))
        if found.history is None:
            assert found.keeps
            hints.update(dict.fromkeys(found.keeps))
            kept = redact_checked(each.history, PSEUDONYMS, found.keeps, verdict)
            assert kept.history is not None and len(found.keeps) <= 3
        checked += 1
    assert checked


def test_histories_of_the_shop_get_the_verdict_of_the_originals() -> None:
    async def work() -> None:
        await asyncio.gather(*(person(shop, str(1000 + n), Random(n)) for n, person in enumerate(EVERYBODY)))

    with Simulation() as simulation, use_outside(Outside()):
        simulation.run(shop_worker)
        simulation.execute(work)
        recorded = [each.history for each in produced_histories(simulation.platform)]
    assert len(recorded) >= len(EVERYBODY)
    verdict = verdict_with(shop_worker)
    hints: dict[Pattern, None] = {}
    for history in recorded:
        found = redact_checked(history, PSEUDONYMS, (), verdict, tuple(hints))
        if found.history is None:
            assert found.keeps
            hints.update(dict.fromkeys(found.keeps))
            found = redact_checked(history, PSEUDONYMS, found.keeps, verdict)
        assert found.history is not None and verdict(found.history) is Verdict.OK
    assert 0 < len(hints) <= 6, list(map(render, hints))
