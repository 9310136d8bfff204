"""The replayer takes histories and workflows in every form, and says what is wrong with each history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from temporal_do.runtime import HistoryReadError, InvalidArgumentError, NondeterminismError
from temporal_do.runtime.errors import WorkflowNotRegisteredError
from temporal_do.runtime.history import History
from temporal_do.runtime.workflow.strictness import PRODUCTION
from temporal_do.sim import EmptyCorpusError, Replayer, ReplayFailedError, Verdict, replay_corpus
from tests.replay import app
from tests.replay.conftest import history_text


@pytest.fixture
def replayer() -> Replayer:
    return Replayer(workflows=[app.temporal])


def test_a_history_of_unchanged_code_replays(replayer: Replayer, recorded: dict[str, History]) -> None:
    report = replayer.replay(recorded["order"])
    (history,) = report.histories
    assert report.ok
    assert history.verdict is Verdict.OK
    assert (history.workflow_type, history.workflow_id) == ("order", "order-1")
    assert history.events == len(recorded["order"].events)
    assert history.run_id


@pytest.mark.parametrize("form", ["object", "path", "text path", "json text", "bytes", "parsed", "events"])
def test_a_history_may_come_in_any_form(
    replayer: Replayer, recorded: dict[str, History], folder: Path, form: str
) -> None:
    text = history_text(recorded["order"])
    sources: dict[str, Any] = {
        "object": recorded["order"],
        "path": folder / "order.json",
        "text path": str(folder / "order.json"),
        "json text": text,
        "bytes": text.encode(),
        "parsed": json.loads(text),
        "events": json.loads(text)["events"],
    }
    (history,) = replayer.replay(sources[form]).histories
    assert history.verdict is Verdict.OK
    assert history.workflow_type == "order"


def test_several_histories_may_come_at_once(replayer: Replayer, recorded: dict[str, History]) -> None:
    report = replayer.replay(recorded.values())
    assert [each.workflow_id for each in report.histories] == ["order-1", "greeting-1", "greeting-2"]


def test_an_open_history_replays_as_far_as_it_goes(replayer: Replayer, recorded: dict[str, History]) -> None:
    assert replayer.replay(recorded["open"]).ok


@pytest.mark.parametrize(
    "workflows",
    [app.temporal, app.worker, [app.order], [app.worker, app.order], [[app.order], app.greeting]],
)
def test_workflows_may_come_in_any_form(workflows: Any, recorded: dict[str, History]) -> None:
    assert Replayer(workflows=workflows).replay(recorded["order"]).ok


@pytest.mark.parametrize(
    ("workflows", "message"),
    [
        ([], "there is no workflow"),
        ([len], "len is no workflow definition"),
        ("order", "'order' is no workflow definition"),
        ([app.order, app.changed_order], "two of the workflows given are named 'order'"),
    ],
)
def test_what_is_no_workflow_is_refused(workflows: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Replayer(workflows=workflows)


def test_what_is_no_strictness_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="strictness is a Strictness, not 'strict'"):
        Replayer(app.temporal, strictness="strict")  # type: ignore[arg-type]


def test_what_is_no_history_is_refused(replayer: Replayer) -> None:
    with pytest.raises(InvalidArgumentError, match="a history is a History"):
        replayer.replay(5)  # type: ignore[arg-type]


def test_changed_code_raises_a_nondeterminism_that_names_the_line(recorded: dict[str, History]) -> None:
    with pytest.raises(NondeterminismError) as caught:
        Replayer(workflows=[app.changed]).replay(recorded["order"])
    lines = Path(app.__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "the divergent line" in text)
    assert f"app.py:{line}" in str(caught.value)


def test_a_report_can_be_had_instead_of_the_error(recorded: dict[str, History]) -> None:
    report = Replayer(workflows=[app.changed]).replay(recorded["order"], raise_on_failure=False)
    (history,) = report.failures
    assert not report.ok
    assert history.verdict is Verdict.NONDETERMINISM
    assert "app.py:" in history.text()
    assert report.counts == {"nondeterminism": 1}


def test_a_changed_duration_counts_unless_the_replay_is_lenient(recorded: dict[str, History]) -> None:
    with pytest.raises(NondeterminismError):
        Replayer(workflows=[app.patient]).replay(recorded["order"])
    assert Replayer(workflows=[app.patient], strictness=PRODUCTION).replay(recorded["order"]).ok


def test_a_history_of_an_unknown_workflow_is_an_error(recorded: dict[str, History]) -> None:
    with pytest.raises(
        WorkflowNotRegisteredError, match="workflow 'greeting', which was not given; given: order"
    ):
        Replayer(workflows=[app.order]).replay(recorded["greeting"])


def test_a_history_without_its_beginning_is_unreadable(
    replayer: Replayer, recorded: dict[str, History]
) -> None:
    tail = attrs.evolve(recorded["order"], events=recorded["order"].events[3:])
    (history,) = replayer.replay(tail, raise_on_failure=False).histories
    assert history.verdict is Verdict.UNREADABLE
    assert "needs the whole history" in history.text()


def test_a_file_that_is_no_history_is_named_with_the_reason(replayer: Replayer, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"events": [')
    with pytest.raises(HistoryReadError, match=r"broken\.json: .*cut off"):
        replayer.replay(tmp_path / "broken.json")
    with pytest.raises(HistoryReadError, match=r"absent\.json: .*No such file"):
        replayer.replay(tmp_path / "absent.json")


def test_a_folder_means_every_json_file_below_it(replayer: Replayer, folder: Path) -> None:
    report = replayer.replay(folder)
    found = [Path(each.source).relative_to(folder).as_posix() for each in report.histories]
    assert found == ["greetings/greeting.json", "greetings/open.json", "order.json"]
    assert report.ok


def test_one_unreadable_file_does_not_stop_the_others(replayer: Replayer, folder: Path) -> None:
    (folder / "aaa.json").write_text("{}")
    report = replayer.replay_corpus([folder])
    assert report.counts == {"ok": 3, "unreadable": 1}
    with pytest.raises(HistoryReadError, match="aaa"):
        replayer.replay(folder)


def test_several_bad_histories_raise_one_error_that_has_them_all(folder: Path) -> None:
    (folder / "aaa.json").write_text("{}")
    with pytest.raises(ReplayFailedError) as caught:
        Replayer(workflows=[app.changed, app.greeting]).replay(folder)
    assert caught.value.report.counts == {"ok": 2, "nondeterminism": 1, "unreadable": 1}
    assert "2 of 4 histories do not replay" in str(caught.value)
    assert "aaa.json" in str(caught.value)


def test_an_empty_corpus_is_an_error(replayer: Replayer, tmp_path: Path) -> None:
    with pytest.raises(EmptyCorpusError, match="there are no histories"):
        replayer.replay(tmp_path)
    assert not replayer.replay_corpus([tmp_path]).ok


def test_a_corpus_in_which_everything_is_skipped_is_empty(recorded: dict[str, History]) -> None:
    report = Replayer(workflows=[app.order]).replay_corpus([recorded["greeting"]], allow_unregistered=True)
    assert report.counts == {"skipped": 1}
    assert not report.ok
    with pytest.raises(EmptyCorpusError, match="every history was skipped"):
        report.raise_on_failure()


def test_a_corpus_can_be_required_to_cover_every_workflow(
    replayer: Replayer, recorded: dict[str, History]
) -> None:
    assert replayer.replay(recorded.values(), require_coverage=True).ok
    with pytest.raises(EmptyCorpusError, match="no history of: greeting"):
        replayer.replay(recorded["order"], require_coverage=True)
    with pytest.raises(EmptyCorpusError, match="no history of: greeting"):
        replay_corpus_of(recorded["order"])


def replay_corpus_of(history: History) -> None:
    Replayer(app.temporal).replay_corpus([history], require_coverage=True).raise_on_failure()


def test_the_one_line_for_a_test_suite_requires_coverage(folder: Path) -> None:
    assert replay_corpus(folder, [app.temporal]).ok
    (folder / "order.json").unlink()
    with pytest.raises(EmptyCorpusError, match="no history of: order"):
        replay_corpus(folder, [app.temporal])


def test_a_clock_is_asked_only_when_it_was_given(recorded: dict[str, History]) -> None:
    ticks = iter(range(0, 10_000, 1_000))
    (timed,) = Replayer(app.temporal, clock=lambda: next(ticks)).replay(recorded["order"]).histories
    assert timed.elapsed_ns == 1_000
    (untimed,) = Replayer(app.temporal).replay(recorded["order"]).histories
    assert untimed.elapsed_ns == 0


def test_the_report_is_json(recorded: dict[str, History]) -> None:
    report = Replayer([app.changed, app.greeting]).replay_corpus(list(recorded.values()))
    found = json.loads(json.dumps(report.as_dict()))
    assert found["counts"] == {"ok": 2, "nondeterminism": 1}
    bad = found["histories"][0]
    assert (bad["verdict"], bad["error"]["type"]) == ("nondeterminism", "NondeterminismError")
    assert report.summary().startswith("3 histories, ")


def test_replaying_calls_no_activity_and_leaves_no_trace_between_histories(
    replayer: Replayer, recorded: dict[str, History]
) -> None:
    twice = replayer.replay([recorded["order"], recorded["order"]])
    assert [each.verdict for each in twice.histories] == [Verdict.OK, Verdict.OK]
