"""Closed histories in the object store: written once, read back, kept as long as they should be."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from temporal_do.runtime import Temporal, TemporalError, Worker, WorkflowContext, WorkflowNotFoundError
from temporal_do.runtime.actors import history_store
from temporal_do.runtime.archiving import ArchivePolicy
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.history.protojson import read_history
from temporal_do.runtime.keys import HISTORY, history_key, kind_of
from temporal_do.runtime.messages.history import ReadArchive, ReadVersions
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.produced import produced_histories

from .laws import check_nothing_is_stuck

PROFILES = ("local", "prod")


class Shop:
    """An application that keeps its histories as told."""

    def __init__(self, **options: Any) -> None:
        self.temporal = temporal = Temporal(namespace="a/b", **options)

        @temporal.workflow("leaf")
        async def leaf(ctx: WorkflowContext, n: int) -> int:
            await ctx.sleep("a while", "1m")
            return n

        @temporal.workflow("tree")
        async def tree(ctx: WorkflowContext, runs: int) -> int:
            total = int(await ctx.execute_child(leaf, runs, workflow_id=f"leaf-{runs}"))
            if runs > 1:
                await ctx.continue_as_new(runs - 1)
            return total

        self.leaf, self.tree = leaf, tree
        self.worker = Worker(namespace="a/b", task_queue="main", workflows=[leaf, tree])

    async def grow(self, sim: Simulation, runs: int = 1) -> Any:
        """Run a tree to its end, and its archives to where they are to lie."""
        sim.run(self.worker)
        handle = await self.temporal.start_workflow(self.tree, workflow_id="tree", args=[runs])
        assert await handle.result() == 1
        await sim.sleep("1h")
        return self.temporal.get_handle("tree", run_id=(await handle.describe()).run_id)


def archives(sim: Simulation) -> dict[str, Any]:
    """Key -> rows of every archive."""
    return {key: found.tables for key, found in sim.platform.objects.items() if kind_of(key) == HISTORY}


def runs(sim: Simulation) -> list[Any]:
    return [tables["meta"]["run"] for tables in archives(sim).values()]


@pytest.mark.parametrize("profile", PROFILES)
def test_for_ever_means_in_the_object_store_with_children_and_successors(profile: str) -> None:
    shop = Shop(history_retention="forever")
    with Simulation(profile=profile) as sim:

        async def main() -> None:
            handle = await shop.grow(sim, runs=3)
            kept = await handle.fetch_history()
            assert len(runs(sim)) == 6, "three runs of the tree, three leaves"
            assert all(not tables["event"] for tables in archives(sim).values()), "no rows are left"
            assert sim.platform.blobs.keys() == sorted(run.blob_key for run in runs(sim))
            for run in runs(sim):
                data = await sim.host.get_blob(run.blob_key)
                assert data is not None
                assert len(read_history(data).events) == run.last_event_id, "Temporal's own JSON"
            check_stored = len(list(produced_histories(sim.platform)))
            assert check_stored == 6
            await sim.sleep("100d")
            assert (await handle.fetch_history()).events == kept.events
            assert len(list(produced_histories(sim.platform))) == 6

        sim.execute(main())


def test_what_is_asked_of_an_archive_in_the_store_is_answered_page_by_page_and_at_once() -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            import asyncio

            await shop.grow(sim)
            run = next(run for run in runs(sim) if run.workflow_id == "tree")
            key = history_key(run.namespace, run.run_id)
            whole = (await sim.host.call(key, ReadArchive())).events
            assert len(whole) == run.last_event_id
            pages = [ReadArchive(after_event_id=after, event_count_max=3) for after in range(len(whole))]
            replies = await asyncio.gather(*(sim.host.call(key, page) for page in pages * 2))
            for page, reply in zip(pages * 2, replies, strict=True):
                assert reply.events == whole[page.after_event_id : page.after_event_id + 3]
                assert (reply.closed, reply.last_event_id) == (True, len(whole))
            before = len(sim.trace)
            assert (await sim.host.call(key, ReadArchive(after_event_id=99))).events == ()
            versions = await sim.host.call(key, ReadVersions())
            assert (len(versions.versions), versions.blob_key) == (1, run.blob_key)
            assert not [s for s in sim.trace.steps() if s["step"] >= before and s["kind"] == "get_blob"]

        sim.execute(main())


def test_by_default_only_large_histories_go_to_the_store_and_none_expires() -> None:
    for size, stored in ((None, 0), (0, 2), (100, 2), (1_000_000, 0)):
        shop = Shop(history_store_bytes=size)
        with Simulation() as sim:

            async def main(shop: Shop = shop) -> None:
                handle = await shop.grow(sim)
                await sim.sleep("400d")
                assert len((await handle.fetch_history()).events) > 5

            sim.execute(main())
        assert len(sim.platform.blobs.keys()) == stored
        assert all(bool(run.blob_key) == bool(stored) for run in runs(sim))


@pytest.mark.parametrize("size", [0, None])
def test_an_archive_whose_time_is_over_is_gone_and_so_is_its_blob(size: int | None) -> None:
    shop = Shop(history_retention="30d", history_store_bytes=size)
    with Simulation() as sim:

        async def main() -> None:
            handle = await shop.grow(sim)
            await sim.sleep("29d")
            assert await handle.fetch_history()
            await sim.sleep("2d")
            with pytest.raises(WorkflowNotFoundError):
                await handle.fetch_history()

        sim.execute(main())
        assert all(not any(tables.values()) for tables in archives(sim).values())
        assert all(sim.execute(sim.host.get_blob(key)) == b"" for key in sim.platform.blobs.keys())


def test_an_archive_is_emptied_although_the_store_fails_at_first() -> None:
    shop = Shop(history_retention="30d", history_store_bytes=0)
    with Simulation() as sim:

        async def main() -> None:
            await shop.grow(sim)
            await sim.sleep("29d")
            for fault in ("lost_put", "ambiguous_put", "throttled_put"):
                sim.place(fault, "history/*")
            await sim.sleep("3d")
            check_nothing_is_stuck(sim)

        sim.execute(main())
        assert sim.stats["fault_lost_put"] == 1
        assert all(not any(tables.values()) for tables in archives(sim).values())


@pytest.mark.parametrize("size", [0, None])
def test_the_sweep_deletes_an_archive_whose_alarm_was_lost(size: int | None) -> None:
    shop = Shop(history_retention="30d", history_store_bytes=size)
    with Simulation() as sim:

        async def main() -> None:
            await shop.grow(sim)
            for _ in range(2):  # what is at rest is swept once more after a day, and an archive in its time
                await sim.deployment.sweep(sim.host)
                await sim.sleep("29d")
                for fault in ("stuck_alarm", "lost_put"):
                    sim.place(fault, "HistoryDO/*" if fault == "stuck_alarm" else "history/*")
                    sim.place(fault, "HistoryDO/*" if fault == "stuck_alarm" else "history/*", 2)
            assert not any(
                kind_of(key) == HISTORY and any(rows.values()) for key, rows in archives(sim).items()
            )
            for _ in range(3):
                report = await sim.deployment.sweep(sim.host)
                await sim.sleep("10m")
            assert report.poked == 0, "nothing is left to look after"

        sim.execute(main())
        assert sim.stats["fault_stuck_alarm"] == 2
        assert all(sim.execute(sim.host.get_blob(key)) == b"" for key in sim.platform.blobs.keys())


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("fault", ["lost_put", "ambiguous_put", "throttled_put", "lost_race", "failed_get"])
@pytest.mark.parametrize("then", ["", "reset", "crash_before_commit", "crash_after_commit", "zombie"])
def test_whatever_the_store_answers_the_history_comes_to_lie_in_it_once(
    profile: str, fault: str, then: str
) -> None:
    shop = Shop(history_retention="forever")
    plan = FaultPlan.at(fault, "history/*") | FaultPlan.at("lost_race", "history/*", 2)
    if then:
        plan = plan | FaultPlan.at(then, "HistoryDO/*", 2)
    with Simulation(profile=profile, faults=plan) as sim:

        async def main() -> None:
            handle = await shop.grow(sim, runs=2)
            check = await handle.fetch_history()
            assert check.events
            await sim.sleep("5d")
            assert (await handle.fetch_history()).events == check.events

        sim.execute(main())
        assert len(runs(sim)) == 4
        assert all(run.blob_key and not run.problem for run in runs(sim))
        puts = [step["key"] for step in sim.trace.steps() if step["kind"] == "put_blob"]
        assert sorted(puts) == sim.platform.blobs.keys(), "each was stored once"


@pytest.mark.parametrize("content", [b"", b"not json", b'{"events":[]}'])
def test_other_content_under_the_key_is_left_alone_and_told_and_the_rows_stay(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            sim.run(shop.worker)
            handle = await shop.temporal.start_workflow(shop.leaf, workflow_id="w", args=[1])
            run_id = (await handle.describe()).run_id
            key = f"history/a%2Fb/{run_id}.json"
            await sim.host.put_blob(key, content)
            await handle.result()
            await sim.sleep("4d")
            assert await sim.host.get_blob(key) == content
            reply = await sim.host.call(history_key("a/b", run_id), ReadArchive())
            assert (reply.blob_key, "something else" in reply.problem) == ("", True)
            again = shop.temporal.get_handle("w", run_id=run_id)
            assert len((await again.fetch_history()).events) == len(reply.events) > 3
            check_nothing_is_stuck(sim)

        with caplog.at_level(logging.ERROR, "temporal_do.archive"):
            sim.execute(main())
    assert "the history stays in rows" in caplog.text


def test_an_archive_that_was_written_by_another_version_in_other_bytes_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop(history_retention="forever")
    real = history_store._content
    with Simulation(faults=FaultPlan.at("crash_before_commit", "HistoryDO/*", 2)) as sim:
        written = iter((True, True, False, False, False))
        monkeypatch.setattr(
            history_store,
            "_content",
            lambda events: real(events).replace(
                b'{"events"', b'{ "events"' if next(written) else b'{"events"'
            ),
        )
        sim.execute(shop.grow(sim))
        assert all(run.blob_key and not run.problem for run in runs(sim))
        sim.execute(sim.sleep("4d"))
        assert len(list(produced_histories(sim.platform))) == 2


@pytest.mark.parametrize("damage", [None, b"", b"{}"])
def test_an_archive_that_was_damaged_in_the_store_is_not_believed(damage: bytes | None) -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            handle = await shop.grow(sim)
            await sim.sleep("5d")
            for key in sim.platform.blobs.keys():
                if damage is None:
                    del sim.platform.blobs._blobs[key]
                else:
                    await sim.host.put_blob(key, damage)
            with pytest.raises(TemporalError, match="archive_damaged"):
                await handle.fetch_history()

        sim.execute(main())


def test_a_store_that_is_away_for_a_moment_is_asked_again() -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            handle = await shop.grow(sim)
            await sim.sleep("5d")
            for occurrence in (1, 2, 3):
                sim.place("failed_get", "history/*", occurrence)
            assert (await handle.fetch_history()).events

        sim.execute(main())
        assert sim.stats["fault_failed_get"] == 3


def test_schedules_and_their_changes_keep_the_policy() -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            sim.run(shop.worker)
            handle = await shop.temporal.schedule_workflow(
                shop.leaf, schedule_id="s", interval="1h", args=[1], task_queue="main"
            )
            await sim.sleep("90m")
            await handle.update(args=[2])
            await sim.sleep("2h")
            await handle.delete()
            await sim.sleep("1h")

        sim.execute(main())
        assert len(runs(sim)) == 3
        assert all(run.blob_key for run in runs(sim))


def test_a_run_that_was_reset_keeps_the_policy() -> None:
    shop = Shop(history_retention="forever")
    with Simulation() as sim:

        async def main() -> None:
            handle = await shop.grow(sim)
            again = await handle.reset(event_id=4)
            await again.result()
            await sim.sleep("1h")

        sim.execute(main())
        assert all(run.blob_key for run in runs(sim))
        assert len(runs(sim)) >= 3


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("profile", PROFILES)
def test_under_everything_every_closed_run_lies_in_the_store_as_it_was(seed: int, profile: str) -> None:
    shop = Shop(history_retention="forever", history_store_bytes=0)
    with Simulation(seed, profile=profile, faults=FaultPlan.everything(15_000), strict=bool(seed % 2)) as sim:

        async def main() -> list[Any]:
            from temporal_do.runtime import HostError

            sim.run(shop.worker)
            try:
                handle = await shop.temporal.start_workflow(
                    shop.tree, workflow_id="tree", args=[3], request_id="one"
                )
                await handle.result()
            except HostError:
                pass
            await sim.sleep("1h")
            sim.heal()
            await sim.sleep("1d")
            check_nothing_is_stuck(sim)
            return list(produced_histories(sim.platform))

        before = {each.run_id: each.history.events for each in sim.execute(main())}
        assert len(before) == 6
        sim.execute(sim.sleep("10d"))
        after = {each.run_id: each.history.events for each in produced_histories(sim.platform)}
        assert after == before


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"history_retention": "1d"}, "shorter than the 3d"),
        ({"history_retention": 0}, "shorter"),
        ({"history_retention": "for ever"}, "'forever'"),
        ({"history_store_bytes": -1}, "from 0 on"),
        ({"history_store_bytes": "1MB"}, "number of bytes"),
        ({"history_store_bytes": True}, "number of bytes"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=text):
        Temporal(**options)


def test_a_policy_is_what_was_said() -> None:
    assert Temporal().archive_policy is None
    assert Temporal(history_retention="forever").archive_policy == ArchivePolicy(stored=True)
    assert Temporal(history_retention="30d").archive_policy == ArchivePolicy(retention_ns=30 * 86_400 * 10**9)
    assert Temporal(history_store_bytes=5).archive_policy == ArchivePolicy(store_bytes=5)


def test_on_one_machine_it_lies_in_the_database(tmp_path: Any) -> None:
    import asyncio

    from temporal_do.edge_adapter.local import LocalHost

    temporal = Temporal(history_retention="forever")

    @temporal.workflow("quick")
    async def quick(ctx: WorkflowContext) -> str:
        return "done"

    async def once() -> str:  # the archive is on its way when this ends, or there
        async with LocalHost(str(tmp_path / "shop.db")) as host:
            await host.run(Worker(task_queue="main", workflows=[quick]))
            handle = await temporal.connect(host).start_workflow(quick, workflow_id="q")
            assert await handle.result() == "done"
            return (await handle.describe()).run_id

    async def again(run_id: str) -> None:
        async with LocalHost(str(tmp_path / "shop.db")) as host:
            reply: Any = None
            for _ in range(100):
                reply = await host.call(history_key("default", run_id), ReadArchive())
                if getattr(reply, "blob_key", ""):
                    break
                await asyncio.sleep(0.02)
            data = await host.get_blob(reply.blob_key)
            assert data is not None
            assert read_history(data).events == reply.events != ()

    asyncio.run(again(asyncio.run(once())))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("profile", PROFILES)
def test_under_everything_no_archive_outlives_its_time(seed: int, profile: str) -> None:
    shop = Shop(history_retention="10d", history_store_bytes=0)
    with Simulation(seed, profile=profile, faults=FaultPlan.everything(30_000)) as sim:

        async def main() -> None:
            from temporal_do.runtime import HostError

            sim.run(shop.worker)
            try:
                await shop.temporal.execute_workflow(
                    shop.tree, workflow_id="tree", args=[2], request_id="one"
                )
            except HostError:
                pass  # what it has begun goes on
            await sim.sleep("11d")
            sim.heal()
            await sim.sleep("30d")

        sim.execute(main())
        assert len(archives(sim)) == 4
        assert not any(any(tables.values()) for tables in archives(sim).values())
        assert not any(map(sim.platform.blobs.peek, sim.platform.blobs.keys()))
        for key, found in sim.platform.objects.items():
            assert not found.tables.get("outbox"), f"the outbox of {key} was forgotten"
