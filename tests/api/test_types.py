"""Arguments and results of every kind keep their types across workflows, activities, signals and queries."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import attrs
import pytest

from temporal_do.runtime import (
    InvalidArgumentError,
    Temporal,
    Worker,
    WorkflowContext,
    WorkflowTaskFailedError,
)
from temporal_do.sim import SimulationDeadlock

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: float


class Address(TypedDict):
    street: str
    number: int


@dataclasses.dataclass
class Line:
    name: str
    price: Decimal
    colour: Colour = Colour.RED


@attrs.frozen
class Invoice:
    number: UUID
    lines: list[Line]
    due: datetime
    paid_on: date | None
    patience: timedelta
    level: Level
    where: Point
    address: Address
    notes: dict[str, bytes]
    parent: Invoice | None = None


INVOICE = Invoice(
    number=UUID("12345678123456781234567812345678"),
    lines=[Line("pen", Decimal("1.10")), Line("ink", Decimal("20"), Colour.BLUE)],
    due=datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    paid_on=None,
    patience=timedelta(days=1, milliseconds=5),
    level=Level.HIGH,
    where=Point(1, 2.5),
    address={"street": "Main", "number": 5},
    notes={"raw": b"\x00\xff"},
)
NESTED = attrs.evolve(INVOICE, parent=INVOICE, paid_on=date(2026, 1, 2))

temporal = Temporal(namespace="types")


@temporal.activity
async def echo_invoice(invoice: Invoice) -> Invoice:
    assert isinstance(invoice, Invoice)
    return invoice


@temporal.activity
def echo_bytes(data: bytes) -> bytes:
    assert isinstance(data, bytes)
    return data


@temporal.activity
async def echo_nothing(value: Any) -> None:
    assert value is None


async def local_invoice(invoice: Invoice) -> Invoice:
    return invoice


@temporal.workflow("echo-child")
async def echo_child(ctx: WorkflowContext, invoice: Invoice) -> Invoice:
    assert isinstance(invoice, Invoice)
    return invoice


@temporal.workflow("echo")
async def echo(c: WorkflowContext, invoice: Invoice, raw: bytes, *rest: int) -> list[Invoice]:
    seen: list[Invoice] = []
    c.set_query_handler("seen", lambda: seen)
    c.set_update_handler("swap", _swap)
    c.on_signal("add", _adder(seen))
    assert await c.activity("bytes", echo_bytes, raw) == raw
    assert await c.activity("nothing", lambda: echo_nothing(None)) is None
    seen.append(await c.activity("remote", lambda: echo_invoice(invoice)))
    seen.append(await c.activity("local", local_invoice, invoice))
    seen.append(await c.execute_child(echo_child, invoice))
    await c.wait_condition(lambda: len(seen) == 4)
    assert all(isinstance(each, Invoice) for each in seen)
    assert list(rest) == [1, 2]
    return seen


def _swap(colour: Colour) -> Colour:
    return Colour.BLUE if colour is Colour.RED else Colour.RED


def _adder(seen: list[Invoice]) -> Any:
    def add(invoice: Invoice) -> None:
        seen.append(invoice)

    return add


@pytest.mark.parametrize("invoice", [INVOICE, NESTED], ids=["flat", "nested"])
async def test_a_rich_value_survives_every_crossing(sim: Any, invoice: Invoice) -> None:
    sim.run(
        Worker(
            namespace="types",
            task_queue="main",
            workflows=[echo, echo_child],
            activities=[echo_invoice, echo_bytes, echo_nothing],
        )
    )
    handle = await temporal.start_workflow(echo, workflow_id="e", args=[invoice, b"\x00raw\xff", 1, 2])
    assert await handle.update("swap", Colour.RED, result_type=Colour) is Colour.BLUE
    await handle.signal("add", invoice)
    assert await handle.result() == [invoice] * 4
    assert await handle.query("seen", result_type=list[Invoice]) == [invoice] * 4
    sim.crash("e")
    assert await temporal.get_handle("e", result_type=list[Invoice]).result() == [invoice] * 4


async def test_a_workflow_whose_context_has_no_usual_name_or_hint_gets_typed_arguments(app: App) -> None:
    async def workflow(c, context: Point, ctx: Colour) -> bool:  # type: ignore[no-untyped-def]
        return isinstance(context, Point) and ctx is Colour.BLUE

    assert await app.run(workflow, Point(1, 2.0), Colour.BLUE) is True


async def test_payloads_are_temporals(app: App) -> None:
    async def workflow(ctx: WorkflowContext, *values: Any) -> None: ...

    handle = await app.start(workflow, {"a": 1}, None, b"raw", "text")
    started: Any = (await handle.fetch_history()).events[0].attributes
    assert [(payload.metadata["encoding"], payload.data) for payload in started.input] == [
        (b"json/plain", b'{"a":1}'),
        (b"binary/null", b""),
        (b"binary/plain", b"raw"),
        (b"json/plain", b'"text"'),
    ]


async def test_an_argument_that_does_not_fit_the_workflow_fails_its_task_naming_it(app: App) -> None:
    async def workflow(ctx: WorkflowContext, point: Point) -> None: ...

    with pytest.raises(WorkflowTaskFailedError, match=r"args\[0\] is 'no point', expected"):
        await app.run(workflow, "no point")


async def test_an_argument_that_does_not_fit_the_activity_is_told_in_the_end(app: App) -> None:
    @app.temporal.activity
    async def typed(point: Point) -> None: ...

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("step", typed, "no point")

    with pytest.raises(SimulationDeadlock, match=r"args\[0\] is 'no point', expected"):
        await app.run(workflow, activities=[typed])


async def test_the_wrong_number_of_arguments_of_an_activity_is_told_at_once(app: App) -> None:
    @app.temporal.activity
    async def two(a: int, b: int) -> None: ...

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("step", two, 1)

    with pytest.raises(WorkflowTaskFailedError, match="activity 'two' takes 2 arguments, not 1"):
        await app.run(workflow, activities=[two])


async def test_a_result_asked_for_as_the_wrong_type_says_what_it_is(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> Any:
        return {"x": 1}

    await app.run(workflow)
    with pytest.raises(InvalidArgumentError, match=r"'w-1' is \{'x': 1\}, expected int"):
        await app.temporal.get_handle("w-1", result_type=int).result()
