"""Taking activity tasks: from the queue, from the dead-letter queue, and from an early start.

Invariants
- A message is acknowledged by itself, when the lease of its attempt is durable or there is nothing to do;
  what fails is asked for again later, and never fails the batch.
- User code runs beside the batch: the invocation stays until it has ended, the next batch does not wait for
  it (the flag ``queue_consumer_no_wait_for_wait_until``).
- A copy of a task whose attempt was leased in this isolate is acknowledged without asking: with early starts
  that is most of what the queue brings.
- What ends in the dead-letter queue was given up by the platform, not by the engine: the activity is poked,
  so that its own alarm starts the attempt again, and the loss is logged.

Must not import: the SDK, anything of JavaScript.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from ...runtime.actor import Poke
from ...runtime.connection import use_host
from ...runtime.deployment import Deployment
from ...runtime.errors import HostError
from ...runtime.messages.activity import ActivityTask
from ...runtime.records import decode
from .host import CloudflareHost
from .names import DEAD_LETTER_SUFFIX

logger = logging.getLogger("temporal_do.cloudflare")

RETRY_SECONDS: Final = 2
RETRY_DOUBLINGS_MAX: Final = 6
LEASED_MAX: Final = 1_000
"""So many tasks that were leased in this isolate are known, so that a second copy costs no call."""

_leased: Final[dict[str, None]] = {}
"""Encoded tasks, the oldest first: each has the token of one attempt, whose lease is durable."""

Attempts = list[Coroutine[Any, Any, None]]


async def consume_batch(deployment: Deployment, host: CloudflareHost, batch: Any) -> list[asyncio.Task[None]]:
    """Take every message of ``batch``, a raw MessageBatch; returns the attempts that run now."""
    take = _take_dead if str(batch.queue).endswith(DEAD_LETTER_SUFFIX) else _take
    taken = await asyncio.gather(*(take(deployment, host, message) for message in batch.messages))
    return [start(host, attempt) for attempts in taken for attempt in attempts]


async def _take(deployment: Deployment, host: CloudflareHost, message: Any) -> Attempts:
    try:
        attempts = await take_task(deployment, host, str(message.body))
    except HostError as error:
        logger.info("an activity task comes again: %s", error)
        _retry(message)
    except Exception:
        logger.exception("an activity task failed and comes again")
        _retry(message)
    else:
        message.ack()
        return attempts
    return []


async def _take_dead(deployment: Deployment, host: CloudflareHost, message: Any) -> Attempts:
    try:
        task = decode(str(message.body))
        if type(task) is ActivityTask:
            logger.error("the queue gave up the task of %s; it is started again", task.activity_key)
            await host.call(task.activity_key, Poke())
        else:
            logger.error("the queue gave up a %s, which nothing here takes", type(task).__name__)
    except Exception as error:
        logger.info("a dead letter comes again: %s", error)
        _retry(message)
    else:
        message.ack()
    return []


async def take_task(deployment: Deployment, host: CloudflareHost, text: str) -> Attempts:
    """Take one encoded activity task; its attempt, if there is one to be run, is returned and has not begun.
    Raises HostError when the task must come again."""
    attempts: Attempts = []
    if text in _leased:
        return attempts
    with use_host(host):
        try:
            await deployment.consume(host, decode(text), attempts.append)
        except BaseException:
            for attempt in attempts:
                attempt.close()
            raise
    if attempts:
        _leased[text] = None
        if len(_leased) > LEASED_MAX:
            del _leased[next(iter(_leased))]
    return attempts


def start(host: CloudflareHost, attempt: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run an attempt; what its activity calls, it calls through ``host``."""
    with use_host(host):
        return asyncio.get_running_loop().create_task(_logged(attempt))


def _retry(message: Any) -> None:
    from .bridge import js_object

    doublings = min(int(message.attempts) - 1, RETRY_DOUBLINGS_MAX)
    message.retry(js_object(delaySeconds=RETRY_SECONDS << doublings))


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        # The attempt's lease runs out, and the activity is tried again.
        logger.exception("the run of an activity failed")
