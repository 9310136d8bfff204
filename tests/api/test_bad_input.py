"""Bad input to definitions and clients: the error names the value and what is accepted, nothing is begun."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from temporal_do.runtime import (
    InvalidArgumentError,
    PayloadTooLargeError,
    ScheduleNotFoundError,
    Temporal,
    WorkflowContext,
    WorkflowNotRegisteredError,
)
from temporal_do.sim import Simulation

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)
TOO_LARGE = b"x" * (2 * 1024 * 1024)


async def greeter(ctx: WorkflowContext, name: str, times: int = 1) -> str:
    await ctx.wait_for_signal("go")
    return name * times


async def _nothing_exists(app: App) -> None:
    assert await app.temporal.count_workflows() == 0
    assert not [key for key in app.sim.platform.objects if key.startswith(("WorkflowDO", "TimerDO"))]


# --- starting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"args": "ada"}, r"args is a list of arguments, not 'ada'; write args=\['ada'\]"),
        ({"args": b"ada"}, "args is a list"),
        ({"args": {"name": "ada"}}, "args is a list"),
        ({"args": 5}, "args is a list of arguments, not 5"),
        ({"args": None}, "args is a list of arguments, not None"),
        ({"args": []}, r"'greeter' takes 1 to 2 argument\(s\) after the context, not 0: \(name, times\)"),
        ({"args": ["a", 1, 2]}, "takes 1 to 2 .*not 3"),
        ({"args": [object()]}, r"args\[0\] is of type object, which has no encoding; accepted: None, str"),
        ({"args": ["a", {1, 2}]}, r"args\[1\] is a set.*sorted"),
        ({"args": [{"a": [1, {"b": object()}]}]}, r"args\[0\]\.a\[1\]\.b"),
        ({"args": [float("nan")]}, r"args\[0\] is nan"),
        ({"args": [TOO_LARGE]}, r"args\[0\] is 2,097,\d+ bytes .*limit of 2,097,152"),
        ({"workflow_id": ""}, "workflow id is a non-empty text, not ''"),
        ({"workflow_id": 5}, "workflow id is a non-empty text, not 5"),
        ({"workflow_id": "x" * 1001}, "at most 1000 characters; this one has 1001"),
        ({"task_queue": 5}, "task_queue .*not 5"),
        ({"task_queue": ""}, "task_queue .*not ''"),
        ({"id_reuse_policy": "never"}, "id_reuse_policy must be one of 'allow_duplicate'.*not 'never'"),
        ({"id_conflict_policy": "fight"}, "id_conflict_policy must be one of 'fail'.*not 'fight'"),
        ({"id_conflict_policy": None}, "id_conflict_policy must be one of"),
        ({"memo": [1]}, r"memo is a mapping of names to values, not \[1\]"),
        ({"memo": "note"}, "memo is a mapping"),
        ({"memo": {1: 2}}, "memo is a mapping"),
        ({"memo": {"a": object()}}, r"memo\['a'\] is of type object"),
        ({"search_attributes": [1]}, r"search attributes are a mapping .*not \[1\]"),
        ({"search_attributes": {"A": None}}, "search attribute 'A'"),
        ({"search_attributes": {"": 1}}, "name of a search attribute"),
        ({"search_attributes": {"A": [1]}}, r"search attribute 'A' is \[1\]"),
        ({"execution_timeout": "soon"}, r"execution_timeout 'soon' is not a duration; accepted: .*'5m'"),
        ({"execution_timeout": "5"}, "no unit; did you mean '5s'"),
        ({"run_timeout": -1}, "run_timeout -1 is negative"),
        ({"run_timeout": True}, "run_timeout True"),
        ({"run_timeout": 0}, "run_timeout 0 must be longer"),
        ({"execution_timeout": "0s"}, "execution_timeout '0s' must be longer"),
        ({"task_timeout": []}, r"task_timeout \[\]"),
        ({"start_delay": "a while"}, "start_delay 'a while'"),
        ({"retry": {"maximum_attempts": 3}}, "retry is a RetryPolicy"),
        ({"request_id": 5}, "request_id .*not 5"),
    ],
)
async def test_a_bad_start_starts_nothing_and_says_why(app: App, options: dict[str, Any], told: str) -> None:
    app.deploy(greeter)
    with pytest.raises(InvalidArgumentError, match=told):
        await app.temporal.start_workflow(
            app.define(greeter), **{"args": ["ada"], "workflow_id": "w", **options}
        )
    await _nothing_exists(app)


@pytest.mark.parametrize(
    ("workflow", "kind", "told"),
    [
        ("greter", WorkflowNotRegisteredError, "no workflow named 'greter'.*did you mean 'greeter'"),
        ("gretings", WorkflowNotRegisteredError, "defined elsewhere, give its task_queue="),
        ("", (WorkflowNotRegisteredError, InvalidArgumentError), "''"),
        (greeter, InvalidArgumentError, r"'greeter' is not a workflow: decorate it with @temporal\.workflow"),
        (5, InvalidArgumentError, "5 is not a workflow"),
        (None, InvalidArgumentError, "None is not a workflow"),
    ],
)
async def test_what_is_no_workflow_is_not_started(app: App, workflow: Any, kind: Any, told: str) -> None:
    app.deploy(greeter)
    for call in (
        app.temporal.start_workflow(workflow, workflow_id="w", args=["ada"]),
        app.temporal.signal_with_start(workflow, "go", workflow_id="w", args=["ada"]),
        app.temporal.schedule_workflow(workflow, schedule_id="s", interval="1h", args=["ada"]),
        app.temporal.execute_workflow(workflow, workflow_id="w", args=["ada"]),
    ):
        with pytest.raises(kind, match=told):
            await call
    await _nothing_exists(app)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"signal": ""}, "name of a signal .*not ''"),
        ({"signal": 5}, "name of a signal .*not 5"),
        ({"signal_args": "yes"}, "signal_args is a list .*'yes'"),
        ({"signal_args": [object()]}, r"args\[0\]"),
        ({"signal_args": [TOO_LARGE]}, "2,097,152"),
        ({"workflow_id": None}, "workflow id is a non-empty text, not None"),
        ({"task_queue": 5}, "task_queue .*not 5"),
    ],
)
async def test_a_bad_signal_with_start_starts_nothing(app: App, options: dict[str, Any], told: str) -> None:
    app.deploy(greeter)
    given = {"signal": "go", "signal_args": [], "workflow_id": "w", "args": ["ada"], **options}
    signal, signal_args = given.pop("signal"), given.pop("signal_args")
    with pytest.raises(InvalidArgumentError, match=told):
        await app.temporal.signal_with_start(app.define(greeter), signal, signal_args, **given)
    await _nothing_exists(app)


# --- handles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda h: h.signal(""), "name of a signal .*not ''"),
        (lambda h: h.signal(5), "name of a signal .*not 5"),
        (lambda h: h.signal("go", object()), r"args\[0\]"),
        (lambda h: h.signal("go", TOO_LARGE), "2,097,152"),
        (lambda h: h.signal("go", request_id=5), "request_id .*not 5"),
        (lambda h: h.query(None), "name of a query .*not None"),
        (lambda h: h.query("q", object()), r"args\[0\]"),
        (lambda h: h.update(5), "name of an update .*not 5"),
        (lambda h: h.update("u", object()), r"args\[0\]"),
        (lambda h: h.update("u", update_id=5), "update_id .*not 5"),
        (lambda h: h.update("u", wait_for=5), "wait_for must be .*not 5"),
        (lambda h: h.cancel(5), "reason .*not 5"),
        (lambda h: h.terminate(5), "reason .*not 5"),
        (lambda h: h.terminate("r", object()), "object"),
        (lambda h: h.reset("4"), "event_id is the number of an event .*not '4'"),
        (lambda h: h.reset(4, reason=5), "reason .*not 5"),
    ],
)
async def test_a_bad_call_on_a_handle_changes_nothing_and_says_why(app: App, call: Any, told: str) -> None:
    handle = await app.start(greeter, "ada")
    before = len((await handle.fetch_history()).events)
    with pytest.raises(InvalidArgumentError, match=told):
        await call(handle)
    assert len((await handle.fetch_history()).events) == before
    await handle.signal("go")
    assert await handle.result() == "ada"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [((5,), "workflow id .*not 5"), (("",), "workflow id .*not ''"), (("w", 5), "run id .*not 5")],
)
def test_a_handle_needs_texts(app: App, arguments: Any, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        app.temporal.get_handle(*arguments)


async def test_a_payload_just_small_enough_passes(app: App) -> None:
    handle = await app.start(greeter, "x" * (2 * 1024 * 1024 - 100))
    await handle.signal("go")
    assert len(await handle.result()) == 2 * 1024 * 1024 - 100
    with pytest.raises(PayloadTooLargeError) as caught:
        await handle.signal("go", TOO_LARGE)
    assert caught.value.limit_bytes == 2 * 1024 * 1024
    assert caught.value.size_bytes > caught.value.limit_bytes


# --- schedules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cron": "61 * * * *"}, r"61"),
        ({"cron": "every day"}, "every day"),
        ({"cron": "* * * *"}, r"\* \* \* \*"),
        ({"cron": 5}, "5"),
        ({"cron": None, "interval": None}, "cron|interval"),
        ({"cron": "0 9 * * *", "interval": "1h"}, "cron|interval"),
        ({"cron": None, "interval": "soon"}, "interval 'soon'"),
        ({"cron": None, "interval": 0}, "interval"),
        ({"cron": None, "interval": "1h", "jitter": -5}, "jitter -5"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"overlap": "fight"}, "'fight'"),
        ({"catchup_window": "ages"}, "'ages'"),
        ({"args": "ada"}, "args is a list"),
        ({"args": []}, "takes 1 to 2"),
        ({"args": [object()]}, r"args\[0\]"),
        ({"schedule_id": ""}, "schedule id"),
        ({"schedule_id": 5}, "schedule id .*not 5"),
        ({"task_queue": 5}, "task_queue .*5"),
        ({"paused": "yes"}, "paused is True or False"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_schedule_is_not_made_and_says_why(app: App, options: dict[str, Any], told: str) -> None:
    app.deploy(greeter)
    given = {"schedule_id": "s", "cron": "0 9 * * *", "args": ["ada"], **options}
    with pytest.raises(InvalidArgumentError, match=told):
        await app.temporal.schedule_workflow(app.define(greeter), **given)
    await _nothing_exists(app)
    with pytest.raises(ScheduleNotFoundError, match="'s'"):
        await app.temporal.get_schedule_handle("s").describe()


# --- definitions -------------------------------------------------------------------------------------------


class Service:
    async def work(self, ctx: WorkflowContext, name: str) -> str:
        return name


def _plain(ctx: WorkflowContext) -> None: ...


async def _no_context() -> None: ...


async def _keywords(ctx: WorkflowContext, *, name: str) -> None: ...


async def _generator(ctx: WorkflowContext) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("name", "fn", "told"),
    [
        ("", greeter, "name of a workflow .*not ''"),
        (5, greeter, "name of a workflow .*not 5"),
        ("w", 5, "must be an async function, not 5"),
        ("w", _plain, "must be an async function: write 'async def _plain"),
        ("w", _no_context, r"must take the context first: 'async def _no_context\(ctx, \.\.\.\)'"),
        ("w", _keywords, "keyword.*name"),
        ("w", _generator, "async function"),
        ("w", functools.partial(greeter, times=1), "async function"),
        ("w", Service, "async function"),
    ],
)
def test_a_bad_workflow_is_refused_where_it_is_defined(name: Any, fn: Any, told: str) -> None:
    temporal = Temporal()
    with pytest.raises(InvalidArgumentError, match=told):
        temporal.define_workflow(name, fn)
    assert not temporal.workflows


async def test_a_method_can_be_a_workflow(app: App) -> None:
    definition = app.temporal.define_workflow("work", Service().work)
    app.deploy(definition)
    assert await (await app.begin(definition, "ada")).result() == "ada"


def test_two_workflows_of_one_name_are_refused_with_both_places() -> None:
    temporal = Temporal()
    temporal.define_workflow("w", greeter)
    temporal.define_workflow("w", greeter)
    with pytest.raises(InvalidArgumentError, match=r"'w' is defined twice: as greeter \(.*_keywordless"):
        temporal.define_workflow("w", _keywordless)
    with pytest.raises(InvalidArgumentError, match="write @temporal.workflow"):
        temporal.workflow(greeter)  # type: ignore[arg-type]


async def _keywordless(ctx: WorkflowContext) -> None: ...


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (5, "activities are .*not 5"),
        ("charge", "activities are .*not 'charge'"),
        ([1], "an activity is a function, not 1"),
        ({"a": 5}, "an activity is a function, not 5"),
        ({"": _no_context}, "name of an activity .*not ''"),
        (None, "activities are .*not None"),
    ],
)
def test_bad_activities_are_refused_where_they_are_defined(source: Any, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        Temporal().define_activities(source)


def test_an_activity_that_can_only_be_called_with_keywords_is_refused() -> None:
    async def charge(*, amount: int) -> None: ...

    with pytest.raises(InvalidArgumentError, match="keyword.*amount"):
        Temporal().activity(charge)
    with pytest.raises(InvalidArgumentError, match=r"not 'charge'; write @temporal\.activity\(name=\.\.\.\)"):
        Temporal().activity("charge")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match="name of an activity .*not 5"):
        Temporal().activity(name=5)(_no_context)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"namespace": ""}, "namespace is a non-empty text, not ''"),
        ({"namespace": 5}, "namespace is .*not 5"),
        ({"task_queue": None}, "task_queue is .*not None"),
        ({"converter": "json"}, "converter .*not 'json'"),
    ],
)
def test_a_bad_application_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        Temporal(**options)


def test_a_bad_host_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="host .*'localhost:7233'"):
        Temporal().connect("localhost:7233")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 1.5}, "1.5"),
        ({"start": "tomorrow"}, "'tomorrow'"),
        ({"start": 5}, "5"),
        ({"time_budget": "long"}, "'long'"),
        ({"faults": "all"}, "faults .*'all'"),
        ({"step_budget": 0}, "step_budget .*0"),
        ({"step_budget": "many"}, "step_budget .*'many'"),
    ],
)
def test_a_bad_simulation_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        Simulation(**options)


def test_bad_calls_on_a_simulation_are_refused() -> None:
    with Simulation() as simulation:
        with pytest.raises(InvalidArgumentError, match="worker .*not 5|5"):
            simulation.run(5)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="5"):
            simulation.execute(5)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="'soon'"):
            simulation.execute(simulation.sleep("soon"))
        with pytest.raises(InvalidArgumentError, match="'soon'"):
            simulation.execute(simulation.run_until("soon"))
        assert simulation.execute(asyncio.sleep(1, "fine")) == "fine"  # type: ignore[arg-type]
