"""The same script on every host: simulator and SQLite end in the same rows, and both agree with a model that
only adds up."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import HostError
from tests.sim.toys import ToyAdd, ToyBegin, ToyFail, ToySend

from .actors import Look, Put, values
from .world import RUNNERS, World, until

NAMES = ("a", "b", "c")
OBJECTS = tuple(
    f"{kind}/script/{name}" for kind in ("Counter", "Sender", "Parent", "Child") for name in NAMES
)
BOXES = tuple(f"Box/script/{name}" for name in NAMES)

name = st.sampled_from(NAMES)
small = st.integers(1, 4)
row = st.tuples(st.sampled_from(("t", "u")), st.integers(-2, 2), st.one_of(st.none(), st.integers(0, 9)))
operation = st.one_of(
    st.tuples(st.just("add"), name, small),
    st.tuples(st.just("send"), name, name, small),
    st.tuples(st.just("queue"), name, small),
    st.tuples(st.just("begin"), name, name),
    st.tuples(st.just("put"), name, st.lists(row, max_size=4), st.booleans()),
    st.tuples(st.just("fail"), name),
    st.tuples(st.just("kill"), st.sampled_from((*OBJECTS, *BOXES))),
    st.tuples(st.just("together"), name, small),
)
Script = list[tuple[Any, ...]]


def expected(script: Script) -> dict[str, Any]:
    """What the sums and boxes must hold in the end."""
    sums = dict.fromkeys(NAMES, 0)
    queued = 0
    boxes: dict[str, dict[str, dict[int, int]]] = {name: {} for name in NAMES}
    pairs: set[tuple[str, str]] = set()
    for kind, *details in script:
        if kind in ("add", "together"):
            sums[details[0]] += details[1]
        elif kind == "send":
            sums[details[1]] += details[2]
        elif kind == "queue":
            queued += details[1]
        elif kind == "begin":
            pairs.add((details[0], details[1]))
        elif kind == "put" and not details[2]:
            for table, key, value in details[1]:
                if value is None:
                    boxes[details[0]].get(table, {}).pop(key, None)
                else:
                    boxes[details[0]].setdefault(table, {})[key] = value
    tidy = {name: {table: rows for table, rows in box.items() if rows} for name, box in boxes.items()}
    return {"sums": sums, "queued": queued, "boxes": tidy, "pairs": len(pairs)}


async def perform(world: World, script: Script) -> dict[str, Any]:
    """Run the script, wait until all is quiet, and read what is durable."""
    host = world.host

    async def consume(worker: Any, body: Any, go_on: Any) -> None:
        await worker.call("Counter/script/queue", body)

    world.consume("script", consume)
    replies: list[str] = []
    for number, (kind, *details) in enumerate(script):
        request_id = f"op{number}"
        try:
            replies.append(await _operate(world, request_id, kind, details))
        except HostError:
            replies.append("unknown")
    wanted = expected(script)
    for key in OBJECTS:
        await host.call(key, Look())  # who died with something to say says it now
    await until(world, lambda: _durable(world) == wanted)
    await world.pass_time(5)
    return {**_durable(world), "replies": replies}


async def _operate(world: World, request_id: str, kind: str, details: list[Any]) -> str:
    host = world.host
    if kind == "add":
        reply = await host.call(
            f"Counter/script/{details[0]}", ToyAdd(request_id=request_id, amount=details[1])
        )
        return type(reply).__name__
    if kind == "together":
        adds = [ToyAdd(request_id=f"{request_id}.{n}") for n in range(details[1])]
        await asyncio.gather(*(host.call(f"Counter/script/{details[0]}", add) for add in adds))
        return "all"
    if kind == "send":
        receiver = f"Counter/script/{details[1]}"
        message = ToySend(request_id=request_id, receiver=receiver, count=details[2])
        return repr(await host.call(f"Sender/script/{details[0]}", message))
    if kind == "queue":
        message = ToySend(request_id=request_id, receiver="script", count=details[1], queue=True)
        return repr(await host.call(f"Sender/script/{details[0]}", message))
    if kind == "begin":
        begin = ToyBegin(child=f"Child/script/{details[0]}{details[1]}")
        return repr(await host.call(f"Parent/script/{details[0]}", begin))
    if kind == "put":
        return repr(await host.call(f"Box/script/{details[0]}", Put(rows=tuple(details[1]), fail=details[2])))
    if kind == "fail":
        return repr(await host.call(f"Counter/script/{details[0]}", ToyFail()))
    world.kill(details[0])  # whether it was in memory is the host's own business
    return "killed"


def _durable(world: World) -> dict[str, Any]:
    def total(key: str) -> int:
        return values(world.rows(key)).get("numbers", {}).get("sum", 0)

    parents = [values(world.rows(f"Parent/script/{name}")).get("numbers", {}) for name in NAMES]
    return {
        "sums": {name: total(f"Counter/script/{name}") for name in NAMES},
        "queued": total("Counter/script/queue"),
        "boxes": {name: values(world.rows(f"Box/script/{name}")) for name in NAMES},
        "pairs": sum(str(key).startswith("done:") for numbers in parents for key in numbers),
    }


@given(st.lists(operation, max_size=12))
def test_every_host_runs_a_script_to_the_same_end(script: Script) -> None:
    async def scenario(world: World) -> dict[str, Any]:
        return await perform(world, script)

    ends = {name: runner(scenario) for name, runner in RUNNERS.items()}
    first = ends["simulator"]
    assert {key: first[key] for key in ("sums", "queued", "boxes", "pairs")} == expected(script)
    for name, end in ends.items():
        assert end == first, name
