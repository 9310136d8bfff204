"""A Dask cluster runs a campaign like any other executor: the way past one machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from temporal_do.sim.explore import Campaign

distributed = pytest.importorskip("distributed", reason="needs the extra: pip install temporal-do[dask]")

psutil = pytest.importorskip("psutil", reason="comes with the extra dask")

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_local_cluster_runs_the_seeds_changes_nothing_and_leaves_no_process() -> None:
    before = set(psutil.Process().children(recursive=True))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor(pure=False) as pool,
    ):
        scattered = Campaign("tests.explore.worlds:TILLS", seeds=12, executor=pool, jobs=2, checkers=()).run()
    left = [each for each in psutil.Process().children(recursive=True) if each not in before]
    _, alive = psutil.wait_procs([each for each in left if not _is_tracker(each)], timeout=10)
    assert not alive
    alone = Campaign("tests.explore.worlds:TILLS", seeds=12, checkers=()).run()
    assert scattered.runs == 12 and not scattered.failures, str(scattered)
    assert scattered.stats == alone.stats
    assert scattered.reached == alone.reached


def test_a_scenario_that_is_no_modules_goes_to_the_cluster_by_value() -> None:
    from .worlds import SLEEPER

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = Campaign(SLEEPER, seeds=3, executor=client.get_executor(pure=False), checkers=()).run()
    assert report.runs == 3 and report.passed, str(report)


def _is_tracker(process: object) -> bool:
    """The resource tracker of multiprocessing ends with the process that it serves."""
    try:
        return "multiprocessing.resource_tracker" in " ".join(process.cmdline())  # type: ignore[attr-defined]
    except psutil.NoSuchProcess:
        return False


def test_nobody_loads_dask_who_does_not_ask_for_it() -> None:
    code = (
        "import sys, temporal_do.cli.main, temporal_do.cli.chaos, temporal_do.sim.explore.campaign;"
        "sys.exit(bool({'distributed', 'dask'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
