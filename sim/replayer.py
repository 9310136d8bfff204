"""The replayer: run today's workflow code against recorded histories, and say what would break.

Owns what a user may hand in (histories in any form, workflows in any form) and the way from one history to
its verdict. Replaying itself is the engine's. Invariants: user code of activities never runs, nothing is
started, no time passes; each history is replayed by itself, so neither order nor company matters.

Must not import: a simulation, a clock (one may be handed in), the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runtime.application import Temporal
from ..runtime.definitions import Worker, WorkflowDefinition
from ..runtime.errors import (
    HistoryReadError,
    InvalidArgumentError,
    NondeterminismError,
    WorkflowNotRegisteredError,
)
from ..runtime.history import History, check_history, read_history, read_history_file
from ..runtime.payloads import DEFAULT_CONVERTER, DataConverter
from ..runtime.workflow.replay import replay_history
from ..runtime.workflow.strictness import STRICT, Strictness
from .corpus import ReplayedHistory, ReplayReport, Verdict, find_histories

if TYPE_CHECKING:
    from ..runtime.workflow.replay import ReplayResult

Source = History | Mapping[str, Any] | str | bytes | os.PathLike[str]
"""A history: as an object, as parsed JSON, as JSON text, or as the path of a file or directory."""


class Replayer:
    """Replays histories against workflows.

    Arguments: ``workflows``, definitions, or a Temporal or Worker that has some; ``converter``, how values
    became payloads (else that of the Temporal, else the default); ``namespace``, where the histories come
    from (else that of the Temporal or Worker, else "default"); ``strictness``, which differences count;
    ``clock``, a function that returns nanoseconds, if the report should say how long each history took.
    Raises InvalidArgumentError.
    """

    def __init__(
        self,
        workflows: Iterable[WorkflowDefinition | Temporal | Worker] | Temporal | Worker,
        *,
        converter: DataConverter | None = None,
        namespace: str | None = None,
        strictness: Strictness = STRICT,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if not isinstance(strictness, Strictness):
            raise InvalidArgumentError(f"strictness is a Strictness, not {strictness!r}")
        self._converter = converter
        self._strictness = strictness
        self._clock = clock
        self._known: dict[str, tuple[WorkflowDefinition, DataConverter, str]] = {}
        for definition, own_converter, own_namespace in _definitions(workflows):
            self._register(
                definition,
                converter or own_converter or DEFAULT_CONVERTER,
                namespace or own_namespace or "default",
            )
        if not self._known:
            raise InvalidArgumentError(
                "there is no workflow to replay with: give workflows=[...] at least one"
            )

    def _register(self, definition: WorkflowDefinition, converter: DataConverter, namespace: str) -> None:
        known = self._known.get(definition.name)
        if known is not None and known[0].fn is not definition.fn:
            raise InvalidArgumentError(f"two of the workflows given are named {definition.name!r}")
        self._known[definition.name] = (definition, converter, namespace)

    @property
    def workflows(self) -> Mapping[str, WorkflowDefinition]:
        """The workflows to replay with, by name."""
        return {name: definition for name, (definition, _, _) in self._known.items()}

    def replay(
        self,
        source: Source | Iterable[Source],
        *,
        raise_on_failure: bool = True,
        require_coverage: bool = False,
    ) -> ReplayReport:
        """Replay one history, a file, every history below a directory, or several of these.

        ``raise_on_failure``: raise what is wrong instead of only reporting it, so that a test needs no
        assertion. Raises then: NondeterminismError (whose text is the report), HistoryReadError,
        WorkflowNotRegisteredError, EmptyCorpusError, ReplayFailedError. ``require_coverage``: every workflow
        given needs a history.
        """
        sources = [source] if _is_one(source) else list(source)  # type: ignore[arg-type]
        report = self.replay_corpus(sources, require_coverage=require_coverage)  # type: ignore[arg-type]
        if raise_on_failure:
            report.raise_on_failure()
        return report

    def replay_corpus(
        self,
        sources: Sequence[Source],
        *,
        require_coverage: bool = False,
        allow_unregistered: bool = False,
        on_replayed: Callable[[ReplayedHistory], object] | None = None,
    ) -> ReplayReport:
        """Replay everything and raise for nothing: the report tells.

        ``require_coverage``: a workflow without a history is listed as not covered. ``allow_unregistered``: a
        history whose workflow was not given is skipped. ``on_replayed`` is called after each.
        """
        found: list[ReplayedHistory] = []
        for each in self._each(sources, allow_unregistered):
            found.append(each)
            if on_replayed is not None:
                on_replayed(each)
        uncovered: tuple[str, ...] = ()
        if require_coverage:
            covered = [each.workflow_type for each in found if each.verdict is not Verdict.UNREADABLE]
            uncovered = tuple(name for name in self._known if name not in covered)
        return ReplayReport(histories=tuple(found), uncovered=uncovered)

    def _each(self, sources: Sequence[Source], allow_unregistered: bool) -> Iterator[ReplayedHistory]:
        for source in sources:
            if isinstance(source, History):
                yield self._replay(source, source.workflow_id or "history", allow_unregistered)
            elif _is_path(source):
                for path in find_histories(source):  # type: ignore[arg-type]
                    yield self._replay_file(path, allow_unregistered)
            else:
                yield self._replay_text(source, allow_unregistered)

    def _replay_file(self, path: Path | HistoryReadError, allow_unregistered: bool) -> ReplayedHistory:
        if isinstance(path, HistoryReadError):
            return ReplayedHistory(source=path.file, verdict=Verdict.UNREADABLE, error=path)
        try:
            history = read_history_file(path)
        except HistoryReadError as error:
            return ReplayedHistory(source=str(path), verdict=Verdict.UNREADABLE, error=error)
        return self._replay(history, str(path), allow_unregistered, file=str(path))

    def _replay_text(self, source: Any, allow_unregistered: bool) -> ReplayedHistory:
        try:
            history = read_history(source)
        except HistoryReadError as error:
            return ReplayedHistory(source="history", verdict=Verdict.UNREADABLE, error=error)
        return self._replay(history, history.workflow_id or "history", allow_unregistered)

    def _replay(
        self, history: History, source: str, allow_unregistered: bool, *, file: str = ""
    ) -> ReplayedHistory:
        count = len(history.events)
        try:
            check_history(history, file=file)
            started = _started(history, file)
        except HistoryReadError as error:
            return ReplayedHistory(source=source, verdict=Verdict.UNREADABLE, events=count, error=error)
        workflow_type = started.workflow_type.name if started.workflow_type else ""
        facts = {
            "source": source,
            "workflow_type": workflow_type,
            "workflow_id": history.workflow_id or started.workflow_id,
            "run_id": started.original_execution_run_id,
            "events": count,
        }
        known = self._known.get(workflow_type)
        if known is None:
            if allow_unregistered:
                return ReplayedHistory(verdict=Verdict.SKIPPED, **facts)
            return ReplayedHistory(verdict=Verdict.UNREGISTERED, error=self._not_registered(facts), **facts)
        began_ns = self._clock() if self._clock else 0
        try:
            result = replay_history(
                history,
                {workflow_type: known[0]},
                converter=known[1],
                strictness=self._strictness,
                namespace=known[2],
            )
        except HistoryReadError as error:
            return ReplayedHistory(verdict=Verdict.UNREADABLE, error=_with_file(error, file), **facts)
        elapsed_ns = self._clock() - began_ns if self._clock else 0
        return ReplayedHistory(**_outcome(result, file), elapsed_ns=elapsed_ns, **facts)

    def _not_registered(self, facts: Mapping[str, Any]) -> WorkflowNotRegisteredError:
        return WorkflowNotRegisteredError(
            f"{facts['source']}: this is a history of workflow {facts['workflow_type']!r}, "
            f"which was not given; given: {', '.join(sorted(self._known))}",
            workflow_type=facts["workflow_type"],
        )


def replay_corpus(
    path: str | os.PathLike[str],
    workflows: Iterable[WorkflowDefinition | Temporal | Worker] | Temporal | Worker,
    *,
    require_coverage: bool = True,
    strictness: Strictness = STRICT,
) -> ReplayReport:
    """Replay every history below ``path`` and raise what is wrong; each workflow needs a history.

    The one line for a project's test suite. Raises as Replayer.replay does.
    """
    return Replayer(workflows, strictness=strictness).replay(path, require_coverage=require_coverage)


def _outcome(result: ReplayResult, file: str) -> dict[str, Any]:
    error = result.error
    warnings = tuple(str(warning) for warning in result.warnings)
    if error is None:
        verdict = Verdict.OK
    elif isinstance(error, NondeterminismError):
        verdict = Verdict.NONDETERMINISM
    elif isinstance(error, HistoryReadError):
        verdict, error = Verdict.UNREADABLE, _with_file(error, file)
    else:
        verdict = Verdict.FAILED
    return {"verdict": verdict, "error": error, "warnings": warnings}


def _with_file(error: HistoryReadError, file: str) -> HistoryReadError:
    if error.file or not file:
        return error
    return HistoryReadError(error.reason, file=file, position=error.position)


def _started(history: History, file: str) -> Any:
    from ..runtime.history import WorkflowExecutionStarted

    first = history.events[0]
    if not isinstance(first.attributes, WorkflowExecutionStarted):
        reason = f"begins with event {first.event_id} ({first.event_type}); a replay needs the whole history"
        raise HistoryReadError(reason, file=file)
    return first.attributes


def _is_path(source: Any) -> bool:
    if isinstance(source, os.PathLike):
        return True
    return isinstance(source, str) and not source.lstrip("\ufeff \t\r\n").startswith(("{", "["))


def _is_one(source: Any) -> bool:
    if isinstance(source, History | Mapping | str | bytes | os.PathLike):
        return True
    if isinstance(source, list | tuple) and source and isinstance(source[0], Mapping):
        return "eventId" in source[0] or "event_id" in source[0]  # the bare list of events
    if not isinstance(source, Iterable):
        raise InvalidArgumentError(
            "a history is a History, the path of a file or directory, JSON text or parsed JSON, "
            f"or several of these, not {source!r}"
        )
    return False


def _definitions(source: Any) -> Iterator[tuple[WorkflowDefinition, DataConverter | None, str]]:
    if isinstance(source, WorkflowDefinition):
        yield source, None, ""
    elif isinstance(source, Temporal):
        for definition in source.workflows.values():
            yield definition, source.converter, source.namespace
    elif isinstance(source, Worker):
        for definition in source.workflows.values():
            yield definition, None, source.namespace
    elif isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        for each in source:
            yield from _definitions(each)
    else:
        name = getattr(source, "__name__", None) or repr(source)
        raise InvalidArgumentError(
            f"{name} is no workflow definition: give what @temporal.workflow(name) made, "
            "a Temporal or a Worker"
        )
