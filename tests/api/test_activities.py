"""Activities end to end: retries, heartbeats, timeouts, completion from outside, task queues, local ones."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from temporal_do.runtime import (
    ActivityError,
    ApplicationError,
    InvalidArgumentError,
    RetryPolicy,
    RetryState,
    Temporal,
    TimeoutError,
    TimeoutType,
    Worker,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowTaskFailedError,
    activity,
)
from temporal_do.sim import FaultPlan, SimulationDeadlock

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


class CardDeclined(Exception):
    pass


def one(app: App, fn: Any, *args: Any, **options: Any) -> Any:
    """A workflow that runs one activity."""
    defined = app.temporal.activity(fn)

    async def workflow(ctx: WorkflowContext) -> Any:
        return await ctx.activity("step", defined, *args, **options)

    app.deploy(workflow, activities=[defined])
    return app.begin(workflow)


async def test_the_default_retries_are_one_second_doubled_up_to_a_hundred_without_end(app: App) -> None:
    times: list[float] = []
    keys: set[str] = set()

    async def flaky() -> str:
        times.append(app.sim.now().timestamp())
        info = activity.info()
        keys.add(info.idempotency_key)
        assert info.attempt == len(times)
        if len(times) < 30:
            raise OSError("down")
        return "up"

    assert await (await one(app, flaky)).result() == "up"
    pauses = [round(later - earlier, 3) for earlier, later in zip(times, times[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, *[100] * 22]
    assert len(keys) == 1


def test_the_default_policy_is_what_the_documentation_says() -> None:
    policy = RetryPolicy()
    assert policy.initial_interval_ns == 10**9
    assert policy.backoff_coefficient == 2
    assert policy.maximum_attempts == 0
    assert policy.to_record().maximum_interval == 100 * 10**9
    assert policy.non_retryable_errors == ()


async def test_two_activities_have_different_idempotency_keys(app: App) -> None:
    @app.temporal.activity
    async def key() -> str:
        return activity.info().idempotency_key

    async def workflow(ctx: WorkflowContext) -> list[str]:
        return [await ctx.activity("a", key), await ctx.activity("b", key)]

    first, second = await app.run(workflow, activities=[key])
    other = await (await app.begin(workflow, workflow_id="w-2")).result()
    assert len({first, second, *other}) == 4


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CardDeclined("no money"), RetryState.NON_RETRYABLE_FAILURE),
        (ApplicationError("no", type="CardDeclined"), RetryState.NON_RETRYABLE_FAILURE),
        (ApplicationError("no", type="Other", non_retryable=True), RetryState.NON_RETRYABLE_FAILURE),
        (ApplicationError("no", type="Other"), RetryState.MAXIMUM_ATTEMPTS_REACHED),
        (ValueError("odd"), RetryState.MAXIMUM_ATTEMPTS_REACHED),
    ],
)
async def test_what_is_not_retried_is_told_by_type_name(
    app: App, error: Exception, state: RetryState
) -> None:
    attempts: list[int] = []

    async def fails() -> None:
        attempts.append(1)
        raise error

    handle = await one(
        app, fails, retry=RetryPolicy(maximum_attempts=3, non_retryable_errors=["CardDeclined"])
    )
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    found = caught.value.cause
    assert isinstance(found, ActivityError) and found.retry_state is state
    assert len(attempts) == (1 if state is RetryState.NON_RETRYABLE_FAILURE else 3)


async def test_an_error_may_name_its_own_next_delay_once(app: App) -> None:
    times: list[float] = []

    async def fails() -> int:
        times.append(app.sim.now().timestamp())
        if len(times) == 1:
            raise ApplicationError("busy", next_retry_delay="1h")
        if len(times) == 2:
            raise ApplicationError("busy")
        return len(times)

    assert await (await one(app, fails)).result() == 3
    assert [b - a for a, b in zip(times, times[1:], strict=False)] == [3600, 2]


async def test_heartbeat_details_are_resumed_by_the_next_attempt(app: App) -> None:
    done: list[int] = []

    async def copies() -> list[int]:
        details = activity.info().heartbeat_details
        start = details[0] + 1 if details else 0
        for number in range(start, 6):
            done.append(number)
            activity.heartbeat(number)
            await asyncio.sleep(1)
            if number in (1, 3) and number >= start and activity.info().attempt <= 2:
                raise OSError("lost connection")
        return done

    assert await (await one(app, copies, heartbeat_timeout="30s")).result() == [0, 1, 2, 3, 4, 5]


async def test_a_worker_that_dies_is_noticed_by_its_heartbeat(app: App) -> None:
    attempts: list[Any] = []

    async def works() -> str:
        attempts.append(activity.info().heartbeat_details)
        for number in range(30):
            activity.heartbeat(number)
            await asyncio.sleep(1)
        return "finished"

    handle = await one(app, works, heartbeat_timeout="5s")
    await app.sim.sleep("20s")
    assert app.sim.crash_worker() == 1
    assert await handle.result() == "finished"
    assert len(attempts) == 2 and attempts[1][0] >= 10


@pytest.mark.parametrize(
    ("options", "kind", "after"),
    [
        ({"start_to_close_timeout": "1m"}, TimeoutType.START_TO_CLOSE, 60),
        ({"heartbeat_timeout": "30s"}, TimeoutType.HEARTBEAT, 30),
        ({"schedule_to_close_timeout": "2m"}, TimeoutType.SCHEDULE_TO_CLOSE, 120),
        ({"schedule_to_start_timeout": "3m", "task_queue": "nobody"}, TimeoutType.SCHEDULE_TO_START, 180),
    ],
)
async def test_every_timeout_ends_an_activity_at_its_time(
    app: App, options: dict[str, Any], kind: TimeoutType, after: int
) -> None:
    async def hangs() -> None:
        await asyncio.sleep(10**6)

    started = app.sim.now()
    handle = await one(app, hangs, retry=RetryPolicy(maximum_attempts=1), **options)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    error = caught.value.cause
    assert isinstance(error, ActivityError) and isinstance(error.cause, TimeoutError)
    assert error.cause.timeout_type is kind
    assert (app.sim.now() - started).total_seconds() == after


async def test_an_activity_is_completed_or_failed_from_outside_by_its_token(app: App) -> None:
    tokens: list[bytes] = []

    async def asks_a_human() -> str:
        tokens.append(activity.info().task_token)
        activity.raise_complete_async()

    handle = await one(app, asks_a_human, start_to_close_timeout="10d")
    await app.sim.sleep("1d")
    first = app.temporal.get_async_activity_handle(tokens[0])
    await first.heartbeat("thinking")
    await first.fail(OSError("ask again"))
    await app.sim.sleep("1d")
    assert len(tokens) == 2
    second = app.temporal.get_async_activity_handle(tokens[1])
    await second.complete("yes")
    await second.complete("yes")
    assert await handle.result() == "yes"
    from temporal_do.runtime.activity_completion import ActivityNotRunningError

    for late in (first, second):
        with pytest.raises(ActivityNotRunningError):
            await late.fail(OSError("too late"))
    for wrong in (b"nonsense", "text", None):
        with pytest.raises(InvalidArgumentError, match="is not a task token"):
            app.temporal.get_async_activity_handle(wrong)  # type: ignore[arg-type]


async def test_a_sync_activity_works_too(app: App) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    assert await (await one(app, add, 2, 3)).result() == 5


class Bank:
    def __init__(self, name: str) -> None:
        self.name = name

    async def pay(self, amount: int, to: str = "ada") -> str:
        return f"{self.name} paid {amount} to {to}"


@pytest.mark.parametrize("form", ["list", "mapping", "define_activities", "decorator"])
async def test_methods_of_an_object_are_activities(app: App, form: str) -> None:
    bank = Bank("N26")
    if form == "decorator":
        pay = app.temporal.activity(bank.pay)
    else:
        pay = app.temporal.define_activities({"pay": bank.pay})["pay"]
    source: Any = {
        "list": [bank.pay],
        "mapping": {"pay": bank.pay},
        "define_activities": app.temporal.define_activities([pay]),
        "decorator": pay,
    }[form]

    async def workflow(ctx: WorkflowContext) -> list[str]:
        return [
            await ctx.activity("a", pay, 1),
            await ctx.activity("b", lambda: pay(2, to="bob")),
            await ctx.activity("c", pay, 3, "eve"),
            await ctx.activity("d", "pay", 4),
        ]

    assert await app.run(workflow, activities=source) == [
        "N26 paid 1 to ada",
        "N26 paid 2 to bob",
        "N26 paid 3 to eve",
        "N26 paid 4 to ada",
    ]


async def test_an_activity_can_be_given_a_second_name(app: App) -> None:
    async def work() -> str:
        return activity.info().activity_type

    defined = app.temporal.activity(work)
    both = app.temporal.define_activities({"first": defined, "second": defined})

    async def workflow(ctx: WorkflowContext) -> list[str]:
        return [await ctx.activity("a", both["first"]), await ctx.activity("b", lambda: both.second())]

    assert await app.run(workflow, activities=both) == ["first", "second"]


# --- task queues -------------------------------------------------------------------------------------------


async def test_activities_run_on_the_worker_of_their_queue(app: App) -> None:
    @app.temporal.activity
    async def where() -> str:
        return activity.info().task_queue

    async def workflow(ctx: WorkflowContext) -> list[str]:
        return list(
            await asyncio.gather(
                ctx.activity("here", where), ctx.activity("there", lambda: where(), task_queue="gpu")
            )
        )

    app.deploy(workflow, activities=[where])
    app.deploy(activities=[where], task_queue="gpu")
    assert await (await app.begin(workflow)).result() == ["main", "gpu"]


async def test_an_activity_without_a_worker_waits_for_one_and_a_deadlock_names_its_queue(app: App) -> None:
    @app.temporal.activity
    async def far() -> str:
        return "far"

    async def workflow(ctx: WorkflowContext) -> str:
        return await ctx.activity("step", far, task_queue="later")

    app.deploy(workflow)
    handle = await app.begin(workflow)
    with pytest.raises(SimulationDeadlock, match="'later'"):
        await handle.result()
    app.deploy(activities=[far], task_queue="later")
    assert await handle.result() == "far"


async def test_two_workers_of_one_queue_serve_what_each_has(app: App) -> None:
    @app.temporal.activity
    async def alpha() -> str:
        return "alpha"

    @app.temporal.activity
    async def beta() -> str:
        return "beta"

    async def workflow(ctx: WorkflowContext) -> list[str]:
        return [await ctx.activity("a", alpha), await ctx.activity("b", beta)]

    app.deploy(workflow, activities=[alpha])
    app.deploy(activities=[beta])
    assert await (await app.begin(workflow)).result() == ["alpha", "beta"]


async def test_an_activity_that_no_worker_knows_is_told_with_the_known_ones(app: App) -> None:
    @app.temporal.activity
    async def known() -> None: ...

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("step", "unknwon", retry=RetryPolicy(maximum_attempts=1))

    with pytest.raises(WorkflowFailureError, match=r"'unknwon' is not registered.*'main'.*known"):
        await app.run(workflow, activities=[known])


async def test_a_workflow_that_no_worker_knows_is_told_with_the_known_ones(app: App) -> None:
    async def known(ctx: WorkflowContext) -> None: ...

    async def unknown(ctx: WorkflowContext) -> None: ...

    app.deploy(known)
    with pytest.raises(WorkflowTaskFailedError, match=r"'unknown' is not registered.*'main'.*'known'"):
        await (await app.begin(unknown)).result()


# --- local activities --------------------------------------------------------------------------------------


async def test_a_local_activity_runs_once_whatever_happens_to_the_workflow(app: App) -> None:
    calls: list[str] = []

    async def fetch(name: str) -> str:
        calls.append(name)
        await asyncio.sleep(1)
        return name.upper()

    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = []
        for name in ("a", "b"):
            found.append(await ctx.activity(f"fetch {name}", fetch, name))
            await ctx.sleep("1h")
            found.append(
                await ctx.activity(f"think {name}", lambda name=name: calls.append(name) or len(calls))
            )
            await ctx.sleep("1h")
        return found

    handle = await app.start(workflow)
    for _ in range(9):
        await app.sim.sleep("27m")
        app.sim.crash("w-1")
    assert await handle.result() == ["A", 2, "B", 4]
    assert calls == ["a", "a", "b", "b"]


async def test_a_local_activity_is_retried_by_the_same_rules_even_for_weeks(app: App) -> None:
    times: list[float] = []

    async def flaky() -> int:
        times.append(app.sim.now().timestamp())
        if len(times) < 12:
            raise OSError("down")
        return len(times)

    async def workflow(ctx: WorkflowContext) -> int:
        return await ctx.activity("flaky", flaky, retry=RetryPolicy(maximum_interval="10d"))

    assert await app.run(workflow) == 12
    pauses = [round(b - a) for a, b in zip(times, times[1:], strict=False)]
    assert pauses == [2**n for n in range(11)]


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (ApplicationError("no", type="Final"), 1),
        (ApplicationError("no", non_retryable=True), 1),
        (OSError("down"), 3),
    ],
)
async def test_a_local_activitys_retries_end_by_the_same_rules(
    app: App, error: Exception, attempts: int
) -> None:
    calls: list[int] = []

    def fails() -> None:
        calls.append(1)
        raise error

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("f", fails, retry=RetryPolicy(maximum_attempts=3, non_retryable_errors=["Final"]))

    with pytest.raises(WorkflowFailureError) as caught:
        await app.run(workflow)
    assert isinstance(caught.value.cause, ActivityError)
    assert len(calls) == attempts


async def test_a_local_activity_that_takes_hours_or_times_out(app: App) -> None:
    async def slow() -> str:
        await asyncio.sleep(2 * 3600)
        return "slow"

    async def workflow(ctx: WorkflowContext) -> list[str]:
        found = [await ctx.activity("slow", slow)]
        try:
            await ctx.activity(
                "slow", slow, start_to_close_timeout="1h", retry=RetryPolicy(maximum_attempts=1)
            )
        except ActivityError as error:
            found.append(error.cause.timeout_type.name)  # type: ignore[union-attr]
        return found

    assert await app.run(workflow) == ["slow", "START_TO_CLOSE"]
    assert app.sim.now().hour == 3


@pytest.mark.parametrize("option", ["heartbeat_timeout", "schedule_to_start_timeout", "task_queue"])
async def test_a_local_activity_refuses_what_only_a_task_queue_has(app: App, option: str) -> None:
    async def plain() -> None: ...

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("step", plain, **{option: "1m"})  # type: ignore[misc]

    with pytest.raises(WorkflowTaskFailedError, match=rf"{option}.*decorate it with @temporal\.activity"):
        await app.run(workflow)


@pytest.mark.parametrize("local", [True, False])
async def test_a_result_that_cannot_be_kept_fails_the_activity_for_good(app: App, local: bool) -> None:
    calls: list[int] = []

    async def odd(kind: str) -> Any:
        calls.append(1)
        return {1, 2} if kind == "set" else "x" * (2 * 1024 * 1024)

    defined = app.temporal.activity(odd)

    async def workflow(ctx: WorkflowContext) -> list[str]:
        found = []
        for kind in ("set", "large"):
            try:
                await ctx.activity("odd", odd if local else defined, kind)
            except ActivityError as error:
                found.append(str(error.cause))
        return found

    unordered, large = await app.run(workflow, activities=[defined])
    assert "is a set" in unordered and "2,097,152" in large and "odd" in unordered
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((5, "charge"), {}, "takes the step's name first"),
        (("", "charge"), {}, "takes the step's name first"),
        (("s", 5), {}, "takes an activity or a function, not 5"),
        (("s", "charge", object()), {}, r"args\[0\] is of type object"),
        (("s", "charge", b"x" * (2 * 1024 * 1024)), {}, r"args\[0\].*limit of 2,097,152"),
        (("s", "charge"), {"retry": 5}, "retry must be a RetryPolicy, not 5"),
        (("s", "charge"), {"start_to_close_timeout": "soon"}, "start_to_close_timeout 'soon'"),
        (("s", "charge"), {"start_to_close_timeout": 0}, "start_to_close_timeout 0 must be longer"),
        (("s", "charge"), {"heartbeat_timeout": True}, "heartbeat_timeout True"),
        (("s", "charge"), {"timeout": "5m"}, "no option 'timeout'; it takes: retry, start_to_close"),
        (("s", "charge"), {"task_queue": 7}, "task queue.*not 7"),
        (("s", "charge"), {"cancellation_type": "kill"}, "'try_cancel'.*not 'kill'"),
    ],
)
async def test_a_bad_call_schedules_nothing_and_says_why(
    app: App, arguments: tuple[Any, ...], options: dict[str, Any], told: str
) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity(*arguments, **options)

    with pytest.raises(WorkflowTaskFailedError, match=told):
        await app.run(workflow)
    assert not (await app.temporal.get_handle("w-1").describe()).pending_activities


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"initial_interval": "soon"}, "retry interval 'soon'"),
        ({"initial_interval": 0}, "initial_interval must be longer than 0"),
        ({"initial_interval": None}, "None"),
        ({"backoff_coefficient": 0.5}, "backoff_coefficient .*not 0.5"),
        ({"backoff_coefficient": "2"}, "backoff_coefficient .*not '2'"),
        ({"backoff_coefficient": float("nan")}, "backoff_coefficient .*not nan"),
        ({"backoff_coefficient": float("inf")}, "backoff_coefficient .*not inf"),
        ({"backoff_coefficient": True}, "backoff_coefficient .*not True"),
        ({"maximum_attempts": -1}, "maximum_attempts .*not -1"),
        ({"maximum_attempts": 2.5}, "maximum_attempts .*not 2.5"),
        ({"maximum_attempts": True}, "maximum_attempts .*not True"),
        ({"maximum_interval": "100ms"}, "maximum_interval must not be shorter"),
        ({"non_retryable_errors": "ValueError"}, r"write \['ValueError'\]"),
        ({"non_retryable_errors": [ValueError]}, "non_retryable_errors .*'ValueError'"),
        ({"non_retryable_errors": 5}, "non_retryable_errors .*not 5"),
        ({"non_retryable_errors": [5]}, "non_retryable_errors .*5"),
    ],
)
def test_a_bad_retry_policy_says_what_is_accepted(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        RetryPolicy(**given)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.sim(faults=FaultPlan.everything(30_000))
async def test_in_a_rough_world_every_activity_is_recorded_once(sim: Any, app: App, seed: int) -> None:
    done: list[str] = []

    @app.temporal.activity
    async def work(number: int) -> int:
        done.append(activity.info().idempotency_key)
        await asyncio.sleep(1)
        return number

    async def workflow(ctx: WorkflowContext, seed: int) -> list[int]:
        return list(await asyncio.gather(*[ctx.activity(f"w{n}", work, n) for n in range(5)]))

    handle = await app.start(workflow, seed, activities=[work], workflow_id=f"w-{seed}")
    assert await handle.result() == list(range(5))
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert kinds.count("EVENT_TYPE_ACTIVITY_TASK_COMPLETED") == 5
    assert len(set(done)) == 5


def test_a_worker_says_what_is_wrong_with_its_definition() -> None:
    temporal = Temporal()

    async def act() -> None: ...

    async def act_too() -> None: ...

    first = temporal.activity(act)
    again = Temporal().activity(name="act")(act_too)
    for options, told in (
        ({"task_queue": ""}, "task queue"),
        ({"task_queue": 5}, "task queue.*not 5"),
        ({"task_queue": "q", "namespace": ""}, "namespace"),
        ({"task_queue": "q", "workflows": [act]}, "'act' is not a workflow"),
        ({"task_queue": "q", "workflows": act}, "workflows is a list"),
        ({"task_queue": "q", "workflows": "order"}, "workflows is a list"),
        ({"task_queue": "q", "activities": 5}, "activities are .*not 5"),
        ({"task_queue": "q", "activities": "act"}, "activities are .*not 'act'"),
        ({"task_queue": "q", "activities": [5]}, "an activity is a function, not 5"),
        ({"task_queue": "q", "activities": {5: act}}, "name of an activity.*not 5"),
        ({"task_queue": "q", "activities": [first, again]}, "two activities .*'act'"),
        ({"task_queue": "q", "activities": [lambda: 1]}, "lambda"),
    ):
        with pytest.raises(InvalidArgumentError, match=told):
            Worker(**options)  # type: ignore[arg-type]


def test_a_policys_durations_are_kept_in_nanoseconds() -> None:
    policy = RetryPolicy(initial_interval=timedelta(minutes=1), maximum_interval="1h")
    assert policy.initial_interval_ns == 60 * 10**9
    assert policy.maximum_interval_ns == 3600 * 10**9
