"""The Worker of these tests: a little of everything that the platform offers. Runs inside it, not here."""

import asyncio
import json
import sys

from workers import DurableObject, Response, WorkerEntrypoint


class Notebook(DurableObject):
    """Lines in SQLite, and an alarm that writes one."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.env = env
        self.sql = ctx.storage.sql
        self.sql.exec("CREATE TABLE IF NOT EXISTS line (number INTEGER PRIMARY KEY, text TEXT)")

    async def add(self, text):
        self.sql.exec("INSERT INTO line (text) VALUES (?)", text)
        return await self.lines()

    async def lines(self):
        return json.dumps(
            [row.text for row in self.sql.exec("SELECT text FROM line ORDER BY number").toArray()]
        )

    async def wake_in(self, delay_ms, text):
        self.sql.exec("CREATE TABLE IF NOT EXISTS pending (text TEXT)")
        self.sql.exec("INSERT INTO pending VALUES (?)", text)
        import js

        await self.ctx.storage.setAlarm(js.Date.now() + delay_ms)

    async def alarm(self, alarm_info=None):
        for row in self.sql.exec("DELETE FROM pending RETURNING text").toArray():
            self.sql.exec("INSERT INTO line (text) VALUES (?)", row.text)

    async def tell(self, other, text):
        """One object calls another."""
        return await self.env.NOTEBOOK.getByName(other).add(text)

    async def step_loop(self, how):
        """Step the engine's loop inside this one: from a task, or from a plain callback."""
        import loop_probe

        if how == "task":
            return json.dumps(loop_probe.run())
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(json.dumps(loop_probe.run())))
        return await done


class Default(WorkerEntrypoint):
    """GET /<operation>/<notebook>/<text>."""

    async def fetch(self, request):
        from urllib.parse import unquote, urlsplit

        operation, name, text = (unquote(part) for part in urlsplit(request.url).path.split("/")[1:4])
        return Response(str(await getattr(self, f"on_{operation}")(name, text)))

    def notebook(self, name):
        return self.env.NOTEBOOK.getByName(name)

    async def on_python(self, name, text):
        return ".".join(map(str, sys.version_info[:2]))

    async def on_variable(self, name, text):
        return json.dumps(getattr(self.env, name))

    async def on_add(self, name, text):
        return await self.notebook(name).add(text)

    async def on_lines(self, name, text):
        return await self.notebook(name).lines()

    async def on_wake(self, name, text):
        delay_ms, _, line = text.partition(",")
        await self.notebook(name).wake_in(int(delay_ms), line)

    async def on_tell(self, name, text):
        other, _, line = text.partition(",")
        return await self.notebook(name).tell(other, line)

    async def on_send(self, name, text):
        await self.env.LETTERS.send(json.dumps([name, text]))

    async def on_put(self, name, text):
        await self.env.SHELF.put(name, text)

    async def on_get(self, name, text):
        return await (await self.env.SHELF.get(name)).text()

    async def on_loop(self, name, text):
        return await self.notebook(name).step_loop(text)

    async def on_engine(self, name, text):
        from temporal_do.runtime.durations import parse_duration

        return parse_duration(text)

    async def queue(self, batch, env=None, ctx=None):
        for message in batch.messages:
            name, text = json.loads(message.body)
            await self.notebook(name).add(text)
            message.ack()

    async def scheduled(self, controller, env=None, ctx=None):
        await self.notebook("cron").add(f"{controller.cron} {int(controller.scheduledTime)}")
