"""Where every task of a run waits, as text: the answer to the ``__stack_trace`` query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .location import is_user_file, line_of

if TYPE_CHECKING:
    from .instance import WorkflowRun


def stack_trace(run: WorkflowRun) -> str:
    """One block per unfinished task, outermost line first; frames of the engine are left out."""
    blocks = []
    for task in run.loop.tasks():
        lines = [f"{task.get_name()}:"]
        coro: Any = task.get_coro()
        while coro is not None:
            frame = getattr(coro, "cr_frame", None) or getattr(coro, "ag_frame", None)
            if frame is not None and is_user_file(frame.f_code.co_filename):
                file, line = line_of((frame.f_code, frame.f_lasti))
                lines.append(f'  File "{file}", line {line}, in {frame.f_code.co_qualname}')
            coro = getattr(coro, "cr_await", None) or getattr(coro, "ag_await", None)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
