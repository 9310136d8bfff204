"""Campaigns steered by coverage vary what is new, name what no run took, and depend on nothing but seeds."""

from __future__ import annotations

from pathlib import Path

from temporal_do.sim import Tape
from temporal_do.sim.choices import Choices
from temporal_do.sim.explore import Campaign, read_results
from temporal_do.sim.explore.case import Case
from temporal_do.sim.explore.coverage_of import arcs_within, areas_of, recorded, untaken_branches
from temporal_do.sim.explore.mutation import mutate
from temporal_do.sim.explore.steered import CoverageSteered, play_covered
from temporal_do.sim.runner import run_and_keep, run_scenario

from . import worlds

FILE = worlds.__file__


def _line(text: str) -> int:
    lines = Path(FILE).read_text("utf-8").splitlines()
    (found,) = (number for number, line in enumerate(lines, start=1) if line.strip() == text)
    return found


def test_the_report_names_the_branches_that_no_run_took() -> None:
    report = Campaign(worlds.CHOOSY, strategy=CoverageSteered(8), seeds=40, checkers=()).run()
    assert report.passed, str(report)
    line = _line('if found == "never said":')
    assert report.branches == (f"{FILE}:{line}->{line + 1}",)
    assert f"no run took the branch {FILE}:{line}->{line + 1}" in str(report)


def test_only_workflow_code_counts() -> None:
    with recorded() as jumps:
        _, simulation = run_and_keep(worlds.CHOOSY, seed=0, checkers=())
    ((file, first, last),) = areas = areas_of(simulation.deployment)
    assert (file, first) == (FILE, _line('@temporal.workflow("choosy")'))
    assert last == _line('return "heard"')
    arcs = arcs_within(jumps, areas)
    assert arcs and all(first <= abs(line) <= last for _, line, _ in arcs)
    assert len(untaken_branches(arcs, areas)) in (1, 2, 3), "one run takes one way"
    assert not any("/runtime/" in name for name in jumps)


def test_a_workflow_of_one_line_has_no_branches(tmp_path: Path) -> None:
    file = tmp_path / "brief.py"
    file.write_text("async def brief(ctx): return await ctx.sleep('a while', '1h')\n\n\nafter = 1\n")
    arcs = [(str(file), -1, 1), (str(file), 1, -1)]
    assert untaken_branches(arcs, [(str(file), 1, 1)]) == ()


def test_recording_changes_nothing() -> None:
    result, found = play_covered(worlds.TILLS, Case(number=0, seed=3), False, ())
    assert result.digest == run_scenario(worlds.TILLS, seed=3, checkers=()).digest
    assert found["features"] and found["arcs"] and found["areas"]


def test_half_of_the_cases_vary_what_was_worth_it_and_the_order_is_always_the_same(tmp_path: Path) -> None:
    def digests(name: str, count: int, seeds: int) -> list[str]:
        Campaign(
            "tests.explore.worlds:TILLS",
            strategy=CoverageSteered(6),
            seeds=seeds,
            jobs=count,
            resume=tmp_path / name,
            checkers=(),
        ).run()
        outcomes = sorted(read_results(tmp_path / name)[1], key=lambda each: each.number)
        assert sum(each.note.startswith("varies") for each in outcomes) >= seeds // 4
        return [each.result.digest for each in outcomes]

    alone = digests("alone", 1, 18)
    assert digests("together", 2, 18) == alone
    assert digests("cut", 1, 13) == alone[:13]
    assert digests("cut", 1, 18) == alone, "a resumed campaign plans the same cases"


def test_mutants_follow_from_their_draws_and_replay() -> None:
    tapes = [run_scenario(worlds.TILLS, seed=seed, checkers=()).tape for seed in range(3)]
    mutants = [mutate(tapes[0], tapes[1:], Choices(f"mutant {number}")) for number in range(20)]
    assert mutants == [mutate(tapes[0], tapes[1:], Choices(f"mutant {number}")) for number in range(20)]
    assert len({mutant.to_json() for mutant in mutants}) > 15
    for mutant in mutants[:5]:
        first = run_scenario(worlds.TILLS, tape=mutant, checkers=())
        assert first.passed
        assert run_scenario(worlds.TILLS, tape=first.tape, checkers=()).digest == first.digest


def test_an_empty_tape_can_be_varied() -> None:
    empty = Tape(seed=0, deviations={})
    assert all(mutate(empty, [], Choices(number)) == empty for number in range(10))
