"""Bugs of one edit each, by the part of the engine that has them. Importing this registers them."""

from __future__ import annotations

from temporal_do.sim import FaultPlan

from .mutant import CRASHES, NETWORK, QUEUE, edit

TROUBLE = CRASHES | NETWORK
FLOW = "actors.workflow."

# --- the shell ---

edit(
    "two turns at once",
    "shell:Shell._enter",
    "if self._busy:",
    "if False:",
    "children",
    "busy",
    "scheduled",
    faults=TROUBLE | FaultPlan(rates={"slow_commit": 300_000}),
)
edit(
    "a failed delivery is given up",
    "shell:Shell._pump",
    "lane.failures += 1",
    "lane.failures += 1; lane.entries.popleft()",
    "activities",
    "children",
    faults=TROUBLE,
)
edit(
    "the last in line is delivered first",
    "shell:Shell._pump",
    "entry = lane.entries[0]",
    "entry = lane.entries[-1]",
    "children",
    "scheduled",
    faults=FaultPlan.crashes(40_000) | FaultPlan.network(30_000),
)
edit(
    "a start is answered before the index knows",
    "shell:Shell.handle",
    "if self._is_pending(reply.number):",
    "if False:",
    "listed",
)
edit(
    "an end is told before the index knows",
    "shell:Shell._turn",
    "if after and self._is_pending(after):",
    "if False:",
    "listed",
)
edit(
    "the alarm ignores the outbox",
    "shell:Shell._next_alarm",
    "if outbox:",
    "if False:",
    "activities",
    "children",
    faults=TROUBLE,
)
edit(
    "a refused task's commands stay cached",
    "shell:Shell._execute",
    "self._executor.evict(self._key, task.run_id)",
    "pass",
    "busy",
    "held_up",
    faults=CRASHES,
    survives="a run that closes is dropped from the cache before its commands are refused",
)

# --- activities ---

edit(
    "tokens are not compared",
    "actors.activity:_receive",
    "message.token != state.attempt.token",
    "False",
    "activities",
    faults=QUEUE,
)
edit(
    "a failure is told although it is retried",
    "actors.activity:_fail",
    "if retry_state is not RetryState.IN_PROGRESS:",
    "if True:",
    "activities",
)
edit(
    "no tombstone",
    "actors.activity:_bury",
    'turn.put(TABLE, "tombstone", tombstone)',
    "pass",
    "activities",
    faults=TROUBLE,
)
edit(
    "a lease is not renewed",
    "actors.activity:_renew",
    'turn.put(TABLE, "lease", Lease(expires_ns=turn.now + LEASE_NS))',
    "pass",
    "enduring",
)
edit(
    "heartbeats are not recorded",
    "actors.activity:_record_heartbeat",
    'turn.put(TABLE, "heartbeat", HeartbeatRow(recorded_ns=turn.now, details=message.details))',
    "pass",
    "enduring",
)
edit(
    "a wish to cancel is forgotten",
    "actors.activity:_request_cancel",
    "cancel_requested=True",
    "cancel_requested=False",
    "enduring",
)
edit(
    "a backoff can't be cancelled",
    "actors.activity:_cancel_now",
    '_finish(state, turn, "canceled")',
    "pass",
    "enduring",
)
edit(
    "what is final is retried",
    "actors.activity_retry:is_retryable",
    "not application.non_retryable and ",
    "",
    "activities",
)
edit(
    "the backoff is a step ahead",
    "actors.activity_retry:next_attempt",
    "backoff_ns(policy, attempt)",
    "backoff_ns(policy, attempt + 1)",
    "enduring",
)
edit(
    "retries go beyond the time there is",
    "actors.activity_retry:next_attempt",
    "if expiry is not None and now + pause >= expiry:",
    "if False:",
    "enduring",
)
edit("attempts begin with 0", "actors.activity:_create", "number=1", "number=0", "activities")

# --- archive, index, task queues ---

edit(
    "the archive can't take a batch twice",
    "actors.history:_append",
    "[event for event in message.events if event.event_id > last]",
    "list(message.events)",
    "timers",
    "activities",
    faults=TROUBLE,
)
edit(
    "the archive is never closed",
    "actors.history:_appended",
    "closed=message.closed or (run is not None and run.closed)",
    "closed=False",
    "timers",
)
edit(
    "the archive lacks the last event",
    FLOW + "closing:archive",
    "events = tuple(state.table(run.events_table).values())",
    "events = tuple(state.table(run.events_table).values())[:-1]",
    "timers",
)
edit(
    "the index does not forget",
    "actors.visibility:_forget",
    "turn.delete(TABLE, message.run_id)",
    "pass",
    "timers",
)
edit(
    "a parked workflow task is lost",
    "actors.task_queue:_park_workflow",
    'turn.put("workflow", message.workflow_key, ParkedWorkflow(parked_ns=turn.now))',
    "pass",
    "late",
)
edit(
    "a new worker gets nothing that is parked",
    "actors.task_queue:_worker_started",
    "_release(state, message.task_queue, turn)",
    "pass",
    "late",
)
edit(
    "a task without a worker is not parked",
    FLOW + "tasks:start",
    "turn.send(task_queue_key(run.start.namespace, task_queue), ParkWorkflowTask(workflow_key=state.key))",
    "pass",
    "late",
)

# --- facts and the buffer ---

edit("a fired timer wakes nobody", FLOW + "facts:fire_timers", "if recorded:", "if False:", "timers")
edit(
    "a child's start is recorded again",
    FLOW + "facts:child_started",
    "or child is None or child.started_event_id:",
    "or child is None:",
    "children",
    faults=TROUBLE,
)
edit(
    "a child's end is recorded again",
    FLOW + "facts:child_closed",
    'turn.delete("child", child.initiated_event_id)',
    "pass",
    "children",
    faults=TROUBLE,
)
edit(
    "an answer from outside is recorded again",
    FLOW + "facts:_external_resolved",
    'turn.delete("external", message.initiated_event_id)',
    "pass",
    "replaced",
    faults=FaultPlan.crashes(30_000) | FaultPlan.network(20_000),
)
edit(
    "a signal that failed counts as delivered",
    FLOW + "facts:_external_resolved",
    "failed if message.cause else delivered",
    "delivered",
    "replaced",
)
edit(
    "facts of another run are taken",
    FLOW + "facts:_run_meant",
    "run.writer_of(message.initiated_event_id) == message.run_id",
    "True",
    "abandoning",
)
edit(
    "nothing waits for the task in progress",
    FLOW + "events:arrive",
    'if run.task_state != "started":',
    "if True:",
    "busy",
)
edit(
    "the buffer is emptied backwards",
    FLOW + "events:flush_buffer",
    'list(state.table("buffered").values())',
    'list(state.table("buffered").values())[::-1]',
    "busy",
)
edit(
    "the buffer is never empty",
    FLOW + "events:flush_buffer",
    'turn.delete("buffered", event.number)',
    "pass",
    "busy",
)
edit(
    "the buffer keeps only the last",
    FLOW + "events:buffer",
    "run.next_buffer_number = number + 1",
    "run.next_buffer_number = number",
    "busy",
)

# --- the end of a run ---

edit(
    "activities outlive their run",
    FLOW + "closing:close",
    'for activity in state.table("activity").values():',
    "for activity in ():",
    "left_alone",
)
edit(
    "abandoned children are terminated",
    FLOW + "closing:_let_go_of_children",
    'elif child.parent_close_policy != "PARENT_CLOSE_POLICY_ABANDON":',
    "else:",
    "children",
)
edit(
    "children are terminated, not asked",
    FLOW + "closing:_let_go_of_children",
    '== "PARENT_CLOSE_POLICY_REQUEST_CANCEL"',
    '== ""',
    "children",
)
edit(
    "a schedule never hears of the end",
    FLOW + "closing:_tell_starter",
    "if start.schedule_key:",
    "if False:",
    "overlapping_buffer_all",
    "scheduled",
)
edit(
    "a parent hears of every link of a chain",
    FLOW + "closing:close",
    "if not new_run_id:",
    "if True:",
    "chained",
)
edit("the index is not told of the end", FLOW + "closing:close", "run.version += 1", "pass", "timers")
edit(
    "a terminated run stays cached",
    FLOW + "closing:terminate",
    "turn.evicts = True",
    "pass",
    "replaced",
    "children",
    "left_alone",
)
edit(
    "an open update is never answered",
    FLOW + "closing:_end_updates",
    'turn.resolve(f"update:{update.update_id}:{stage}", closed_over(update))',
    "pass",
    "unanswered",
)
edit(
    "it closes without a last look",
    FLOW + "completing:handle_completed",
    'if closing and state.table("buffered"):',
    "if False:",
    "busy",
)

# --- workflow tasks ---

edit(
    "a lost task is never handed out again",
    FLOW + "tasks:deadline_passed",
    "time_out(state, run, turn, limits)",
    "pass",
    "activities",
    "locals",
    faults=CRASHES,
)
edit(
    "a second attempt leaves no events",
    FLOW + "tasks:write_virtual_attempt",
    "if run.task_attempt > 1:",
    "if run.task_attempt > 2:",
    "busy",
    "locals",
    faults=CRASHES,
)
edit(
    "attempts of a task are not counted",
    FLOW + "tasks:_next_attempt",
    "run.task_attempt += 1",
    "pass",
    "busy",
    "locals",
    faults=CRASHES,
)
edit(
    "a lost task keeps what came meanwhile",
    FLOW + "tasks:_next_attempt",
    "flush_buffer(state, run, turn)",
    "pass",
    "busy",
    "held_up",
    faults=CRASHES,
    survives="the next completion flushes the buffer: later, but in order",
)
edit(
    "accepted updates are handed out again",
    FLOW + "tasks:start",
    'if update.stage == "admitted" and update.run_id == run.run_id',
    "if update.run_id == run.run_id",
    "updates",
    "held_up",
)
edit(
    "an old attempt may complete a task",
    FLOW + "completing:_task_run",
    "run.task_started_event_id != started_event_id or run.task_attempt != attempt",
    "False",
    "locals",
    "interrupted",
    faults=FaultPlan.zombies(100_000) | CRASHES,
    survives="the executor of an attempt that is over gives nothing back",
)
edit(
    "an update that came meanwhile is not seen",
    FLOW + "completing:handle_completed",
    " or updates.waiting(state, run.run_id)",
    "",
    "interrupted",
)
edit(
    "a long local activity is given up",
    FLOW + "completing:handle_completed",
    "if unseen or message.more:",
    "if unseen:",
    "locals",
)
edit(
    "the history is handed out without its last event",
    FLOW + "state:WorkflowState.slice",
    "run.next_event_id - 1",
    "run.next_event_id - 2",
    "activities",
)
edit(
    "a reload forgets the timers",
    FLOW + "state:WorkflowState.__init__",
    "self.timers.append((timer.fire_ns, timer.started_event_id, timer.timer_id))",
    "pass",
    "timers",
    faults=CRASHES,
)
edit(
    "a task is run again on top of itself",
    "workflow.executor:InlineExecutor._advance",
    "if 0 < task.started_event_id <= run.processed_id:",
    "if False:",
    "activities",
    "updates",
    faults=FaultPlan.zombies(100_000)
    | FaultPlan(rates=dict.fromkeys(("slow_commit", "failed_commit"), 60_000)),
    survives="the task fails instead and is tried again from the history",
)
edit(
    "an evicted run goes on",
    "workflow.executor:InlineExecutor._execute",
    "if not run.alive:",
    "if False:",
    "locals",
    "busy",
    "held_up",
    faults=CRASHES,
    survives="the object that would take its commands is gone as well",
)

# --- commands, starts, requests ---

edit(
    "timers start with their task",
    FLOW + "command_work:start_timer",
    "app.turn.now + command.duration_ns",
    "app.run.task_started_ns + command.duration_ns",
    "held_up",
)
edit(
    "a cancelled timer fires",
    FLOW + "command_work:cancel_timer",
    'app.turn.delete("timer", command.timer_id)',
    "pass",
    "timers",
    "held_up",
)
edit(
    "a timer that fired is cancelled as well",
    FLOW + "command_work:cancel_timer",
    "_drop_buffered_fire(app, command.timer_id)",
    "pass",
    "held_up",
)
edit(
    "a scheduled activity is not remembered",
    FLOW + "command_work:schedule_activity",
    'app.turn.put("activity", command.activity_id, pending)',
    "pass",
    "activities",
)
edit(
    "updates are not deduplicated",
    FLOW + "updates:handle_update",
    'state.get("update", message.update_id)',
    "None",
    "updates",
    faults=NETWORK,
)
edit(
    "a completed update is not answered",
    FLOW + "updates:complete",
    '_advance(app, done, "accepted", "completed")',
    '_advance(app, done, "accepted")',
    "updates",
)
edit("an id that is taken is free", FLOW + "starting:_may_reuse", "return False", "return True", "replaced")
edit(
    "a chain forgets its first run",
    FLOW + "starting:succeed",
    "first_run_id=old.first_run_id",
    "first_run_id=run_id",
    "queued",
)
edit("a start is not delayed", FLOW + "starting:begin", "if delay_ns:", "if False:", "replaced", "chained")
edit(
    "a run is tried once too often",
    FLOW + "retrying:decide",
    "run.start.attempt >= policy.maximum_attempts",
    "run.start.attempt > policy.maximum_attempts",
    "chained",
)
edit(
    "the next run begins without its signals",
    FLOW + "starting:begin",
    "for signal in first_signals:",
    "for signal in ():",
    "signals",
    "busy",
)

# --- schedules ---

edit(
    "the same time fires again",
    "schedules.transitions:_fire_scheduled",
    "state = evolve(state, cursor_ns=nominal)",
    "pass",
    "scheduled",
)
edit(
    "whatever waits starts at once",
    "schedules.transitions:_next_in_line",
    "while state.buffered and not state.running:",
    "while state.buffered:",
    "overlapping_buffer_all",
)
edit(
    "the last in line starts first",
    "schedules.transitions:_next_in_line",
    "state.buffered[0], state.buffered[1:]",
    "state.buffered[-1], state.buffered[:-1]",
    "queued",
)
edit(
    "a run that ended counts as running",
    "schedules.transitions:on_workflow_closed",
    "tuple(run for run in state.running if run is not closed)",
    "state.running",
    "queued",
)
edit(
    "a lateness is skipped",
    "schedules.transitions:_fire_scheduled",
    "now - scheduled > state.policies.catchup_window_ns",
    "now > scheduled",
    "queued",
    faults=FaultPlan.alarms(300_000),
)
edit(
    "starts of a schedule share a run",
    "actors.timer:_run_id",
    "_request_id(state, sequence)",
    "state.key",
    "overlapping_allow_all",
    "scheduled",
)
