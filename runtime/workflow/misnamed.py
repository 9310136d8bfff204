"""What to write instead of a method that the workflow context does not have.

Owns the names that other clients of Temporal have for what the context calls otherwise. Loaded only when
somebody misses. Must not import: the context.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

INSTEAD: Final = {
    "execute_activity": "activity(step, activity, *args)",
    "start_activity": "activity(step, activity, *args), in asyncio.create_task(...) to go on meanwhile",
    "execute_local_activity": "activity(step, lambda: function(...))",
    "execute_child_workflow": "execute_child(workflow, *args)",
    "start_child_workflow": "start_child(workflow, *args)",
    "get_external_workflow_handle": "get_external_handle(workflow_id)",
    "signal": "on_signal(name, handler) or ctx.wait_for_signal(name)",
    "set_signal_handler": "on_signal(name, handler)",
    "query": "set_query_handler(name, handler)",
    "on_query": "set_query_handler(name, handler)",
    "update": "set_update_handler(name, handler)",
    "on_update": "set_update_handler(name, handler)",
    "start_timer": "sleep(name, duration)",
    "timer": "sleep(name, duration)",
    "time": "now().timestamp()",
    "uuid": "uuid4()",
    "shield": "shielded() in an `async with`",
    "workflow_id": "info.workflow_id",
    "run_id": "info.run_id",
    "memo": "info.memo",
    "search_attributes": "info.search_attributes",
    "get_version": "patched(patch_id)",
}


def told(name: str, known: Iterable[str]) -> str:
    """The message for ``ctx.<name>``, given the names that the context has."""
    text = f"the workflow context has no {name!r}"
    if name in INSTEAD:
        return f"{text}; write ctx.{INSTEAD[name]}"
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(each for each in known if not each.startswith("_")), 1)
    return f"{text}; did you mean ctx.{near[0]}?" if near else text
