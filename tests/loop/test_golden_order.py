"""The order in which small asynchronous programs run on the deterministic loop, the same on every Python.

A change here changes what recorded histories replay to: it is never a mere update of expectations."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loop.harness import Rig, run_on_stock
from tests.loop.programs import PROGRAMS, trace_of

# Program -> its trace, one step a line.
GOLDEN: dict[str, str] = {
    "gather_keeps_the_order_of_arguments": """
a starts
b starts
c starts
c ends @0
b ends @1
a ends @3
-> ['a', 'b', 'c']
""",
    "gather_of_a_failure_leaves_the_others_running": """
a starts
c starts
b fails @1
-> ValueError('b')
after @1
c ends @2
a ends @3
""",
    "gather_with_exceptions_as_results": """
a starts
b fails @1
a ends @2
-> ['a', ValueError('b')]
""",
    "gather_of_futures_already_done": """
-> ['done', 'done']
immediately
scheduled before gather
True
-> KeyError('bad')
late starts
late ends @1
""",
    "gather_cancelled_from_outside": """
a starts
b starts
True
a cancelled @1
b cancelled @1
b gone
a gone
-> CancelledError
""",
    "wait_for_the_first": """
a starts
b starts
c starts
c ends @2
done ['c'] pending ['a', 'b'] @2
a cancelled @2
a gone
b cancelled @2
b gone
""",
    "wait_for_all_of_a_set": """
a starts
b starts
c starts
d starts
e starts
f starts
g starts
h starts
i starts
j starts
k starts
l starts
a ends @1
b ends @1
c ends @1
d ends @1
e ends @1
f ends @1
g ends @1
h ends @1
i ends @1
j ends @1
k ends @1
l ends @1
done ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'] pending 0
""",
    "wait_for_the_first_exception_or_a_timeout": """
a starts
0 done 2 pending @1
b fails @2
1 done 1 pending @2 ["ValueError('b')"]
a cancelled @2
a gone
-> CancelledError
""",
    "wait_for_in_time": """
a starts
between
a ends @1
-> a
-> quick
-> ready
end
after the ready one
""",
    "wait_for_too_late": """
a starts
a cancelled @2
a gone
-> TimeoutError()
-> TimeoutError()
@2
""",
    "wait_for_cancelled_as_the_result_arrives": """
-> CancelledError
-> None
""",
    "wait_for_races_the_timeout": """
-> TimeoutError()
-> TimeoutError()
""",
    "timeout_expires_and_is_rescheduled": """
a starts
a cancelled @2.5
a gone
TimeoutError() True @2.5 from CancelledError
""",
    "timeout_nested_and_zero": """
inner starts
inner cancelled @1
inner gone
inner timeout @1
outer starts
outer cancelled @3
outer gone
outer timeout @3
zero starts
zero cancelled @3
zero gone
zero timeout @3
""",
    "timeout_seen_through_another_error": """
RuntimeError('while cancelled') context TimeoutError
""",
    "task_group_joins": """
body ends
a starts
b starts
b ends @1
a ends @2
a @2
""",
    "task_group_failure_cancels_in_creation_order": """
a starts
b starts
c starts
d starts
e starts
f starts
g starts
h starts
i starts
j starts
boom fails @1
bang fails @1
a cancelled @1
b cancelled @1
c cancelled @1
d cancelled @1
e cancelled @1
f cancelled @1
g cancelled @1
h cancelled @1
i cancelled @1
j cancelled @1
a gone
b gone
c gone
d gone
e gone
f gone
g gone
h gone
i gone
j gone
-> group of ["ValueError('boom')", "ValueError('bang')"]
""",
    "task_group_body_fails": """
a starts
a cancelled @1
a gone
-> group of ["KeyError('body')"]
""",
    "task_group_cancelled_from_outside": """
a starts
b starts
a cancelled @1
b cancelled @1
b gone
a gone
-> CancelledError
1
""",
    "task_group_failure_while_the_parent_is_cancelled": """
caught (ValueError('stubborn'),)
after the group
-> CancelledError
""",
    "nested_task_groups": """
shallow starts
deep starts
deep failure fails @2
deep cancelled @2
deep gone
shallow cancelled @2
shallow gone
-> group of ["ExceptionGroup('unhandled errors in a TaskGroup', [ValueError('deep failure')])"]
""",
    "events_wake_in_order": """
set
a woken
c woken
""",
    "queues_hand_over_in_order": """
put 0
x got 0
put 1
x got 1
put 2
y got 2
put 3
x got 3
-> TimeoutError()
""",
    "locks_are_fair_and_survive_cancellation": """
a holds
a released
c holds
c released
d holds
d released
""",
    "semaphores_are_first_come_first_served": """
a in
b in
a out
b out
True
e in
e out
False
""",
    "conditions_notify_in_order": """
notified
a sees ['a', 'c']
c sees ['a', 'c']
b sees ['a', 'c', 'b']
""",
    "a_notified_waiter_that_is_cancelled_passes_it_on": """
a cancelled
b notified
2 done 0 pending
""",
    "shield_keeps_the_inner_task": """
inner starts
-> CancelledError
-> None
inner ends @3
-> inner
""",
    "as_completed_in_order_of_completion": """
a starts
b starts
b ends @1
-> b
c fails @2
-> ValueError('c')
a ends @3
-> a
slow starts
fast starts
fast ends @4
got fast
timed out @5
""",
    "as_completed_of_equals_keeps_the_given_order": """
a starts
b starts
c starts
d starts
e starts
f starts
g starts
h starts
a ends @1
b ends @1
c ends @1
d ends @1
e ends @1
f ends @1
g ends @1
h ends @1
got a
got b
got c
got d
got e
got f
got g
got h
""",
    "cancellation_is_delivered_and_counted": """
a starts
True True 2
a cancelled @1
a gone
-> CancelledError
-> CancelledError
swallowed ()
-> survived
False 1 0
""",
    "names_and_contexts": """
parent then changed by the child | parent then changed by the child | later
second
callback sees later
""",
    "timers_of_one_moment_fire_in_starting_order": """
soon
zero
first
second
third
""",
}


# Programs in which stock asyncio (3.13) visits a set ordered by address; all others must agree with it.
UNORDERED_IN_STOCK = {
    "wait_for_the_first",
    "wait_for_all_of_a_set",
    "task_group_failure_cancels_in_creation_order",
    "task_group_cancelled_from_outside",
    "nested_task_groups",
    "as_completed_in_order_of_completion",
    "as_completed_of_equals_keeps_the_given_order",
}


def golden(name: str) -> list[str]:
    return GOLDEN[name].strip("\n").split("\n")


def test_every_program_has_a_golden_trace() -> None:
    assert GOLDEN.keys() == PROGRAMS.keys()


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_runs_in_its_golden_order(name: str) -> None:
    assert trace_of(Rig().run, PROGRAMS[name]) == golden(name)


def _other_python(version: str) -> str:
    """An interpreter of that version: on PATH, or among those of pyenv."""
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
        return found
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), Path(sys.base_prefix).parent.parent]
    for root in roots:
        for path in sorted(root.glob(f"versions/{version}*/bin/python{version}")):
            return str(path)
    pytest.skip(f"no python{version} on PATH or under pyenv")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_order_is_the_same_on_every_python(version: str) -> None:
    script = Path(__file__).with_name("run_on_all_pythons.py")
    ran = subprocess.run(
        [_other_python(version), "-I", str(script)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {name: golden(name) for name in PROGRAMS}


def test_the_order_is_the_same_on_pyodide_inside_a_task_of_its_loop() -> None:
    folder, node = os.environ.get("TEMPORAL_DO_PYODIDE"), shutil.which("node")
    if not folder or not node:
        pytest.skip("set TEMPORAL_DO_PYODIDE to the folder of the pyodide npm package, and have node on PATH")
    script = Path(__file__).with_name("run_on_pyodide.mjs")
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([node, str(script), folder, str(root)], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.strip().splitlines()[-1]) == {name: golden(name) for name in PROGRAMS}


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older versions of asyncio behave differently")
@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - UNORDERED_IN_STOCK))
def test_a_program_runs_as_on_stock_asyncio(name: str) -> None:
    assert trace_of(run_on_stock, PROGRAMS[name]) == golden(name)


def test_stock_asyncio_on_3_13_agrees_wherever_it_is_deterministic() -> None:
    script = Path(__file__).with_name("run_on_all_pythons.py")
    ran = subprocess.run(
        [_other_python("3.13"), "-I", str(script), "--stock"], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    traces = json.loads(ran.stdout)
    for name in sorted(PROGRAMS.keys() - UNORDERED_IN_STOCK):
        assert traces[name] == golden(name), name
