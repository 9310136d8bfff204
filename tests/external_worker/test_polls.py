"""The TaskQueueDO and external workers: who gets which task, for how long, and when it comes back."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from temporal_do.runtime.actor import Deferred, Refusal
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.actors.task_queue_polls import POLL_LEASE_NS, POLL_WAIT_MAX_NS, POLLS_MAX, TASKS_MAX
from temporal_do.runtime.keys import TASK_QUEUE, task_queue_key
from temporal_do.runtime.messages.activity import ActivityParked, ActivityTask, DispatchActivity
from temporal_do.runtime.messages.task_queue import (
    ActivityUnparked,
    LeavePoll,
    ParkActivityTask,
    PollActivityTasks,
    PolledActivityTasks,
    WorkerStarted,
)
from tests.actors.driver import Driver

SECOND = 10**9
KEY = task_queue_key("default", "native")


def queue() -> Driver:
    return Driver(ACTORS[TASK_QUEUE], KEY, now=10**18)


def name_of(activity: str) -> str:
    return f"ActivityDO/default/{activity}"


def task(activity: str, attempt: int = 1) -> ActivityTask:
    return ActivityTask(
        namespace="default",
        task_queue="native",
        activity_key=name_of(activity),
        token=f"{activity}-{attempt}",
        attempt=attempt,
    )


def park(driver: Driver, activity: str, attempt: int = 1) -> None:
    driver.send(ParkActivityTask(task=task(activity, attempt)))


def taken(driver: Driver, activity: str, attempt: int = 1) -> None:
    driver.send(ActivityUnparked(activity_key=name_of(activity), token=f"{activity}-{attempt}"))


def poll(driver: Driver, poll_id: str, tasks_max: int = 1, wait_seconds: float = 20) -> Any:
    """The activities given at once, or None if the poll waits."""
    reply = driver.send(
        PollActivityTasks(
            namespace="default",
            task_queue="native",
            poll_id=poll_id,
            wait_ns=round(wait_seconds * SECOND),
            max_tasks=tasks_max,
        )
    )
    if type(reply) is Deferred:
        assert reply.token == f"poll:{poll_id}"
        return None
    assert type(reply) is PolledActivityTasks, reply
    return names(reply)


def names(reply: PolledActivityTasks) -> list[str]:
    assert all(each.namespace == "default" and each.task_queue == "native" for each in reply.tasks)
    assert all(each.token == f"{each.activity_key[19:]}-{each.attempt}" for each in reply.tasks)
    return [each.activity_key[19:] for each in reply.tasks]


def answered(driver: Driver) -> list[tuple[str, list[str]]]:
    found = [(token[5:], names(reply)) for token, reply in driver.answers]
    driver.answers.clear()
    return found


def test_the_task_that_waited_longest_goes_to_the_poll_that_waited_longest() -> None:
    driver = queue()
    assert poll(driver, "first") is None
    assert poll(driver, "second") is None
    for activity in ("b", "a", "c"):
        driver.now += 1
        park(driver, activity)
    assert answered(driver) == [("first", ["b"]), ("second", ["a"])]
    driver.reload()
    assert poll(driver, "third") == ["c"]


def test_a_poll_gets_as_many_as_it_has_room_for_and_no_more() -> None:
    driver = queue()
    for number in range(120):
        driver.now += 1
        park(driver, f"x{number:03}")
    assert poll(driver, "two", 2) == ["x000", "x001"]
    assert len(poll(driver, "many", 1_000)) == TASKS_MAX
    assert poll(driver, "none", 0) == ["x102"]
    assert len(poll(driver, "rest", 1_000)) == 17


def test_the_longest_waiting_is_given_first_after_a_reload_too() -> None:
    driver = queue()
    for activity in ("c", "a", "b"):
        driver.now += 1
        park(driver, activity)
    driver.reload()
    assert poll(driver, "p", 3) == ["c", "a", "b"]


def test_a_poll_is_answered_with_nothing_when_its_time_is_over() -> None:
    driver = queue()
    assert poll(driver, "short", wait_seconds=1) is None
    assert poll(driver, "long", wait_seconds=3_600) is None
    assert driver.alarm_ns == driver.now + SECOND
    driver.wake()
    assert answered(driver) == [("short", [])]
    assert driver.alarm_ns == driver.now - SECOND + POLL_WAIT_MAX_NS
    driver.wake()
    assert answered(driver) == [("long", [])]
    assert driver.alarm_ns is None
    assert not driver.tables["poll"]


def test_a_poll_that_will_not_wait_is_answered_at_once() -> None:
    driver = queue()
    assert poll(driver, "p", wait_seconds=0) == []
    assert driver.alarm_ns is None


def test_a_task_whose_poller_vanished_goes_to_another() -> None:
    driver = queue()
    park(driver, "x")
    assert poll(driver, "dies") == ["x"]
    assert poll(driver, "lives", wait_seconds=60) is None
    assert driver.alarm_ns == driver.now + POLL_LEASE_NS
    driver.wake()
    assert answered(driver) == [("lives", ["x"])]


def test_a_task_that_came_back_waits_in_its_old_place() -> None:
    driver = queue()
    park(driver, "old")
    driver.now += 1
    assert poll(driver, "dies") == ["old"]
    park(driver, "new")
    driver.now += POLL_LEASE_NS
    driver.reload()
    assert poll(driver, "lives", 2) == ["old", "new"]


def test_what_a_worker_leased_is_forgotten_and_never_given_again() -> None:
    driver = queue()
    park(driver, "x")
    assert poll(driver, "p") == ["x"]
    taken(driver, "x")
    driver.now += 100 * POLL_LEASE_NS
    assert poll(driver, "q", wait_seconds=0) == []
    assert not driver.tables["activity"]


def test_a_poll_whose_answer_was_lost_gets_the_same_again() -> None:
    driver = queue()
    for activity in ("x", "y", "z"):
        driver.now += 1
        park(driver, activity)
    assert poll(driver, "p", 2) == ["x", "y"]
    assert poll(driver, "p", 2) == ["x", "y"]
    driver.reload()
    taken(driver, "x")
    assert poll(driver, "p", 2) == ["y"]
    driver.now += POLL_LEASE_NS
    assert poll(driver, "p", 2) == ["y", "z"]


def test_a_poll_that_is_asked_twice_keeps_its_place_and_waits_anew() -> None:
    driver = queue()
    assert poll(driver, "first", wait_seconds=10) is None
    assert poll(driver, "second", wait_seconds=10) is None
    driver.now += 9 * SECOND
    assert poll(driver, "first", wait_seconds=10) is None
    park(driver, "x")
    assert answered(driver) == [("first", ["x"])]


def test_a_poll_that_nobody_waits_for_any_more_gets_nothing() -> None:
    driver = queue()
    assert poll(driver, "lost", wait_seconds=60) is None
    driver.reload()
    park(driver, "x")
    assert answered(driver) == []
    assert not driver.tables["poll"]
    assert poll(driver, "new") == ["x"]


def test_a_poller_that_leaves_hands_back_what_it_was_given() -> None:
    driver = queue()
    park(driver, "x")
    assert poll(driver, "leaves") == ["x"]
    assert poll(driver, "stays") is None
    driver.send(LeavePoll(namespace="default", task_queue="native", poll_id="leaves"))
    assert answered(driver) == [("stays", ["x"])]
    assert poll(driver, "waits") is None
    driver.send(LeavePoll(namespace="default", task_queue="native", poll_id="waits"))
    assert answered(driver) == [("waits", [])]
    assert not driver.tables["poll"]


def test_a_late_copy_of_an_earlier_attempt_does_not_hide_the_attempt_that_waits() -> None:
    driver = queue()
    park(driver, "x", attempt=2)
    park(driver, "x", attempt=1)
    assert driver.take(ActivityParked) == [ActivityParked(token="x-2", parked_with=KEY)]
    taken(driver, "x", attempt=1)
    assert poll(driver, "p") == ["x"]
    assert driver.tables["activity"][name_of("x")].token == "x-2"


def test_a_newer_attempt_takes_the_place_of_one_that_was_given_away() -> None:
    driver = queue()
    park(driver, "x", attempt=1)
    assert poll(driver, "p") == ["x"]
    park(driver, "x", attempt=2)
    assert poll(driver, "q") == ["x"]
    driver.now += POLL_LEASE_NS
    assert poll(driver, "r", 5) == ["x"]


def test_a_worker_of_the_deployment_gets_what_external_workers_have_not_taken() -> None:
    driver = queue()
    park(driver, "x")
    park(driver, "y")
    assert poll(driver, "p") == ["x"]
    driver.sent.clear()
    driver.send(WorkerStarted(namespace="default", task_queue="native", identity="w"))
    assert [entry.body for entry in driver.sent] == [
        DispatchActivity(token="x-1"),
        DispatchActivity(token="y-1"),
    ]
    assert poll(driver, "q", wait_seconds=0) == []


def test_a_worker_that_runs_other_tasks_only_does_not_keep_tasks_from_external_ones() -> None:
    driver = queue()
    driver.send(WorkerStarted(namespace="default", task_queue="native", identity="w"))
    park(driver, "x")
    assert driver.alarm_ns is not None
    assert poll(driver, "p") == ["x"]
    taken(driver, "x")
    assert driver.alarm_ns is None


def test_so_many_polls_may_be_open_and_no_more() -> None:
    driver = queue()
    for number in range(POLLS_MAX):
        assert poll(driver, f"p{number}") is None
    message = PollActivityTasks(namespace="default", task_queue="native", poll_id="late", wait_ns=SECOND)
    refused = driver.send(message)
    assert (type(refused), refused.code, refused.retryable) == (Refusal, "too_many_polls", True)
    assert poll(driver, "p7") is None
    park(driver, "x")
    assert answered(driver) == [("p0", ["x"])]


activities = st.sampled_from(["a", "b", "c", "d"])
polls = st.sampled_from(["p", "q", "r"])


class QueueLife(RuleBasedStateMachine):
    """Anything in any order; a model knows what waits, and who was given what."""

    @initialize()
    def begin(self) -> None:
        self.driver = queue()
        self.attempts = dict.fromkeys("abcd", 1)
        self.waits: dict[str, str] = {}
        self.given_ns: dict[str, int] = {}
        self.waiting: set[str] = set()

    def gave(self, given: list[str]) -> None:
        for activity in given:
            assert activity in self.waits, f"{activity} was given and does not wait"
            until_ns = self.given_ns.get(activity, 0)
            assert self.driver.now >= until_ns, f"{activity} was given twice within its poll lease"
            self.given_ns[activity] = self.driver.now + POLL_LEASE_NS

    def note(self) -> None:
        for poll_id, given in answered(self.driver):
            assert poll_id in self.waiting, f"{poll_id} was answered and does not wait"
            self.waiting.discard(poll_id)
            self.gave(given)

    @rule(activity=activities, seconds=st.integers(0, 3))
    def park(self, activity: str, seconds: int) -> None:
        self.driver.now += seconds * SECOND
        if activity not in self.waits:
            self.waits[activity] = f"{activity}-{self.attempts[activity]}"
        park(self.driver, activity, self.attempts[activity])
        self.note()

    @rule(activity=activities)
    def park_an_old_copy(self, activity: str) -> None:
        if self.attempts[activity] > 1 and activity in self.waits:
            park(self.driver, activity, self.attempts[activity] - 1)
            self.note()

    @rule(activity=activities)
    def take(self, activity: str) -> None:
        taken(self.driver, activity, self.attempts[activity])
        if self.waits.pop(activity, None):
            self.attempts[activity] += 1
        self.given_ns.pop(activity, None)
        self.note()

    @rule(poll_id=polls, tasks_max=st.integers(1, 3), seconds=st.integers(0, 30))
    def poll(self, poll_id: str, tasks_max: int, seconds: int) -> None:
        before = dict(self.given_ns)
        given = poll(self.driver, poll_id, tasks_max, seconds)
        self.note()
        if given is None:
            self.waiting.add(poll_id)
            return
        self.waiting.discard(poll_id)
        again = [each for each in given if before.get(each, 0) > self.driver.now]
        assert again in ([], given), "new tasks and old ones in one answer"
        if not again:
            self.gave(given)

    @rule(poll_id=polls)
    def leave(self, poll_id: str) -> None:
        held = [
            str(key)[19:]
            for key, row in self.driver.tables.get("activity", {}).items()
            if row.poll_id == poll_id
        ]
        for activity in held:
            self.given_ns.pop(activity, None)
        self.driver.send(LeavePoll(namespace="default", task_queue="native", poll_id=poll_id))
        self.note()

    @precondition(lambda self: self.driver.alarm_ns is not None)
    @rule()
    def wake(self) -> None:
        self.driver.wake()
        self.note()

    @rule()
    def reload(self) -> None:
        self.driver.reload()
        self.waiting.clear()

    @invariant()
    def what_waits_is_held_and_nothing_else(self) -> None:
        held = {str(key)[19:]: row.token for key, row in self.driver.tables.get("activity", {}).items()}
        assert held == self.waits

    @invariant()
    def nothing_is_free_while_a_poll_waits(self) -> None:
        if self.waiting:
            free = [each for each in self.waits if self.given_ns.get(each, 0) <= self.driver.now]
            assert not free
            assert self.driver.alarm_ns is not None


TestQueueLife = QueueLife.TestCase
