"""What Python sees of the platform: the same rules where its awaits and its conversions make a difference."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import js
from pyodide.ffi import jsnull
from workers import DurableObject, Response, WorkerEntrypoint

LOG: dict[str, list[Any]] = {}
"""Object -> what it has left outside of its storage; objects share the isolate."""
PLANS: dict[str, str] = {}
INSTANCES = [0]


def shown(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


async def outcome(work: Any) -> Any:
    """What ``work`` gives, something to await or a function that makes it, or what it raises."""
    try:
        return await (work() if callable(work) else work)
    except Exception as error:
        return shown(error)


class Probe(DurableObject):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.raw = ctx.storage if not hasattr(ctx, "_ctx") else ctx._ctx.storage
        self.storage = self.raw
        self.sql = self.raw.sql
        self.name = str((ctx if not hasattr(ctx, "_ctx") else ctx._ctx).id.name)
        INSTANCES[0] += 1
        self.instance = INSTANCES[0]
        self.sql.exec("CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v)")

    def write(self, key: str, value: Any = "1") -> None:
        self.sql.exec("INSERT OR REPLACE INTO t VALUES (?, ?)", key, value)

    async def who(self) -> int:
        return self.instance

    async def rows(self) -> str:
        found = self.sql.exec("SELECT k FROM t ORDER BY k").raw().toArray().to_py()
        return "".join(row[0] for row in found)

    async def armed(self) -> str:
        at = await self.storage.getAlarm()
        return "none" if at is None or at is jsnull else "future" if at > js.Date.now() else "past"

    async def arm(self, milliseconds: int, plan: str = "") -> None:
        PLANS[self.name] = plan
        self.storage.setAlarm(js.Date.now() + milliseconds)

    async def increment(self, how: str) -> int:
        if how == "sql":
            found = self.sql.exec("SELECT v FROM t WHERE k = 'n'").raw().toArray().to_py()
            value = int(found[0][0]) if found else 0
            self.write("n", str(value + 1))
            return value
        found = await self.storage.get("n")
        value = 0 if found is None or found is jsnull else int(found)
        if how == "timer between":
            await asyncio.sleep(0.005)
        elif how == "sleep between":
            await asyncio.sleep(0)
        await self.storage.put("n", value + 1)
        return value

    async def write_abort(self, how: str) -> None:
        self.write("a")
        if how == "sleep":
            await asyncio.sleep(0)
        elif how == "timer":
            await asyncio.sleep(0.005)
        elif how == "get":
            await self.storage.get("n")
        elif how == "coroutine":
            await self.who()
        self.write("b")
        self.ctx.abort("told to")

    async def write_throw(self) -> None:
        self.write("a")
        raise ValueError("thrown")

    async def unwound(self) -> None:
        self.write("a")
        try:
            self.ctx.abort("told to")
        finally:
            LOG.setdefault(self.name, []).append("finally")
            self.write("b")

    async def sync_throw(self) -> str:
        def unit() -> None:
            self.write("b")
            self.storage.setAlarm(js.Date.now() + 3_600_000)
            raise ValueError("thrown")

        self.write("a")
        try:
            self.storage.transactionSync(unit)
        except Exception as error:
            return type(error).__name__
        return "no error"

    async def typed(self, what: str) -> str:
        value = {
            "true": True, "integer": 7, "large": 2**53 + 1, "larger": 2**70, "float": 1.5, "none": None,
            "text": "é\U0001f600", "bytes": b"abc", "null": jsnull,
        }[what]  # fmt: skip
        found = self.sql.exec("SELECT typeof(?1), CAST(?1 AS TEXT)", value).raw().toArray().to_py()
        return f"{found[0][0]} {'nothing' if found[0][1] is jsnull or found[0][1] is None else found[0][1]}"

    async def read_back(self) -> list[str]:
        found = self.sql.exec("SELECT 7, 2.0, 'x', NULL, 9007199254740993").raw().toArray().to_py()
        return [f"{type(each).__name__}" for each in found[0]] + [str(found[0][4])]

    async def beside(self) -> str:
        async def later() -> None:
            await asyncio.sleep(0.05)
            self.write("later")

        self.task = asyncio.get_running_loop().create_task(later())
        return "answered"

    async def echo(self, value: Any) -> str:
        return type(value).__name__

    async def alarm(self, info: Any = None) -> None:
        runs = LOG.setdefault(self.name, [])
        runs.append(
            [
                int(info.retryCount),
                bool(info.isRetry),
                await self.armed(),
                self.instance,
                float(js.Date.now()),
            ]
        )
        self.write(f"r{len(runs)}")
        plan = PLANS.get(self.name, "")
        if plan == "throw" and len(runs) == 1:
            raise ValueError("planned")
        if plan == "abort" and len(runs) == 1:
            self.ctx.abort("planned")


async def until(holds: Any, seconds: float = 10.0) -> None:
    for _ in range(int(seconds / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it does not happen")


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:
        name = str(request.url).rstrip("/").rpartition("/")[2]
        try:
            return Response(json.dumps({"seen": await getattr(self, "on_" + name.replace("-", "_"))(name)}))
        except Exception:
            return Response(json.dumps({"failed": traceback.format_exc()}))

    def probe(self, name: str) -> Any:
        return self.env.PROBE.getByName(name)

    async def five(self, name: str, how: str) -> str:
        stub = self.probe(name)
        return "".join(map(str, map(int, await asyncio.gather(*(stub.increment(how) for _ in range(5))))))

    async def on_python_gate(self, n: str) -> Any:
        return await self.five(n, "storage")

    async def on_python_gate_sleep(self, n: str) -> Any:
        return await self.five(n, "sleep between")

    async def on_python_gate_timer(self, n: str) -> Any:
        return await self.five(n, "timer between")

    async def on_python_gate_sql(self, n: str) -> Any:
        return await self.five(n, "sql")

    async def aborted(self, n: str, method: str, *values: Any) -> Any:
        before = await self.probe(n).who()
        says = await outcome(getattr(self.probe(n), method)(*values))
        same = await self.probe(n).who() == before
        return {"says": says, "rows": await self.probe(n).rows(), "instance": "same" if same else "new"}

    async def on_python_unit_sleep(self, n: str) -> Any:
        return await self.aborted(n, "write_abort", "sleep")

    async def on_python_unit_timer(self, n: str) -> Any:
        return await self.aborted(n, "write_abort", "timer")

    async def on_python_unit_get(self, n: str) -> Any:
        return await self.aborted(n, "write_abort", "get")

    async def on_python_unit_coroutine(self, n: str) -> Any:
        return await self.aborted(n, "write_abort", "coroutine")

    async def on_python_throw(self, n: str) -> Any:
        return await self.aborted(n, "write_throw")

    async def on_python_abort_unwinds(self, n: str) -> Any:
        found = await self.aborted(n, "unwound")
        return {**found, "finally": LOG.get(n, [])}

    async def on_python_transaction_sync(self, n: str) -> Any:
        found = await self.probe(n).sync_throw()
        return [found, await self.probe(n).rows(), await self.probe(n).armed()]

    async def on_python_binding(self, n: str) -> Any:
        kinds = ("true", "integer", "large", "larger", "float", "none", "null", "text", "bytes")
        return {kind: await outcome(self.probe(n).typed(kind)) for kind in kinds}

    async def on_python_reading(self, n: str) -> Any:
        return list(await self.probe(n).read_back())

    async def on_python_task_beside(self, n: str) -> Any:
        said = await self.probe(n).beside()
        at_once = await self.probe(n).rows()
        await asyncio.sleep(0.2)
        return [said, at_once, await self.probe(n).rows()]

    async def on_python_arguments(self, n: str) -> Any:
        values = {
            "none": None,
            "text": "a",
            "integer": 7,
            "tuple": (1,),
            "bytes": b"a",
            "bytearray": bytearray(b"a"),
        }
        return {
            kind: await outcome(lambda value=value: self.probe(n).echo(value))
            for kind, value in values.items()
        }

    async def on_python_alarm(self, n: str) -> Any:
        await self.probe(n).arm(20)
        await until(lambda: LOG.get(n))
        await asyncio.sleep(0.05)
        return [run[:3] for run in LOG[n]], await self.probe(n).armed()

    async def on_python_alarm_retry(self, n: str) -> Any:
        await self.probe(n).arm(5, "throw")
        await until(lambda: len(LOG.get(n, ())) == 2)
        gap = (LOG[n][1][4] - LOG[n][0][4]) / 1000
        return [[run[:3] for run in LOG[n]], await self.probe(n).rows(), "2 s" if 2 <= gap < 4 else gap]

    async def on_python_alarm_abort(self, n: str) -> Any:
        await self.probe(n).arm(5, "abort")
        await until(lambda: len(LOG.get(n, ())) == 2)
        same = LOG[n][0][3] == LOG[n][1][3]
        return [[run[:3] for run in LOG[n]], await self.probe(n).rows(), "same" if same else "new"]

    async def on_python_calls_in_order(self, n: str) -> Any:
        stub = self.probe(n)
        found = await asyncio.gather(*(stub.increment("sql") for _ in range(20)))
        return [int(each) for each in found] == list(range(20))

    async def on_python_clock(self, n: str) -> Any:
        import time

        # Some pairs fall into one millisecond. A float of this size is exact to a quarter of a microsecond.
        pairs = [(time.time(), time.time()) for _ in range(20)]
        made_up = any(0.0009 < second - first < 0.0011 for first, second in pairs)
        second, true = time.time(), float(js.Date.now())
        begun = js.Date.now()
        for _ in range(200_000):
            pass
        return [made_up, abs(true / 1000 - second) < 1, js.Date.now() > begun]
