"""Which files go into a Worker, and what a configuration becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.platform import (
    EdgePlatformError,
    LocalEdge,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
    walk_modules,
)


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_a_folder_is_walked_in_order_and_without_what_has_no_place_inside(tmp_path: Path) -> None:
    _write(tmp_path, "b.py", "a/x.py", "a/data.json", "a/__pycache__/x.pyc", "py.typed", "c.pyi", "d.so")
    _write(tmp_path, "thing-1.dist-info/METADATA")
    found = [(module.name, module.kind) for module in walk_modules(tmp_path, "inside")]
    assert found == [
        ("inside/a/data.json", "Data"),
        ("inside/a/x.py", "PythonModule"),
        ("inside/b.py", "PythonModule"),
    ]


def test_a_single_file_is_a_module_of_its_own_name_or_of_the_given_one(tmp_path: Path) -> None:
    _write(tmp_path, "one.py")
    assert [module.name for module in walk_modules(tmp_path / "one.py")] == ["one.py"]
    assert [module.name for module in walk_modules(tmp_path / "one.py", "p/two.py")] == ["p/two.py"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgePlatformError, match="no folder"):
        list(walk_modules(tmp_path / "nowhere"))


def test_the_engine_is_under_its_installed_name_and_brings_no_simulator() -> None:
    names = {
        module.name for inside, folder in engine_folders().items() for module in walk_modules(folder, inside)
    }
    assert "temporal_do/runtime/loop.py" in names
    assert "temporal_do/edge_adapter/__init__.py" in names
    assert "temporal_do/edge_adapter/cloudflare/__init__.py" in names
    assert "temporal_do/__init__.py" not in names
    assert not [name for name in names if "/sim/" in name or "/tooling/" in name or "/local/" in name]


def test_a_configuration_speaks_the_words_of_miniflare() -> None:
    config = WorkerConfig(
        main=Path("main.py"),
        name="shop",
        durable_objects={"ORDERS": "Orders"},
        queue_producers={"TASKS": "tasks"},
        queue_consumers=[QueueConsumer(queue="tasks", max_batch_timeout_s=0.5, dead_letter_queue="dead")],
        r2_buckets={"BLOBS": "blobs"},
        vars={"MODE": "test"},
    )
    options = config.options()
    assert options.pop("compatibilityDate") >= "2026-09-08"
    assert options.pop("compatibilityFlags") == ["python_workers", "python_workers_development"]
    assert options == {
        "name": "shop",
        "durableObjects": {"ORDERS": {"className": "Orders", "useSQLite": True}},
        "queueProducers": {"TASKS": {"queueName": "tasks"}},
        "queueConsumers": {"tasks": {"maxBatchTimeout": 0.5, "deadLetterQueue": "dead"}},
        "r2Buckets": {"BLOBS": "blobs"},
        "bindings": {"MODE": "test"},
    }


def test_a_worker_that_is_down_has_no_address(tmp_path: Path) -> None:
    edge = LocalEdge(WorkerConfig(main=tmp_path / "main.py"), persist=tmp_path)
    assert not edge.is_running
    assert edge.workerd_pid is None
    with pytest.raises(EdgePlatformError, match="not running"):
        _ = edge.url
