"""``temporal-do worker``: run activities in this process, for an application that runs elsewhere.

Owns the arguments, the token's way in, the signals and the end of the process. The first signal stops the
polling and waits for what runs, the second ends at once. Invariant: an activity that was given back is not
waited for, even where it blocks a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import signal
import sys
from typing import TYPE_CHECKING

from ..runtime.definitions import Worker
from ..runtime.errors import HostNotOpenError, InvalidArgumentError, NoHostError, TemporalError
from .api_token import add_token_arguments, read_token
from .errors import UsageError
from .exit_codes import ExitCode
from .loading import attribute_of, open_spec

if TYPE_CHECKING:
    from ..edge_adapter.remote import ExternalWorker, RemoteHost

ACCEPTED = "a Worker with activities, or a list of them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the subcommand."""
    parser.add_argument("worker", metavar="MODULE[:NAME]", help=f"{ACCEPTED}; without NAME: all in MODULE")
    parser.add_argument("--url", required=True, help="where the application's HTTP API is")
    add_token_arguments(parser, on_command_line=True)
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=int,
        default=10,
        help="so many activities of each worker at once (default: 10)",
    )
    parser.add_argument(
        "--grace",
        metavar="DURATION",
        default="30s",
        help="how long stopping waits for activities that run (default: 30s)",
    )
    parser.add_argument("--identity", help="name of this process in histories (default: PID@MACHINE)")


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal comes. Raises UsageError."""
    token = read_token(arguments)
    workers = load_workers(arguments.worker)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from ..edge_adapter.remote import ExternalWorker, RemoteHost

    identity = arguments.identity or f"{os.getpid()}@{platform.node()}"
    try:
        host = RemoteHost(arguments.url, token=token)
        external = [
            ExternalWorker(
                host,
                each,
                concurrency=arguments.concurrency,
                grace=arguments.grace,
                identity=identity,
            )
            for each in workers
        ]
    except (InvalidArgumentError, NoHostError) as error:
        raise UsageError(str(error)) from None
    try:
        code = asyncio.run(_serve(host, external))
    except HostNotOpenError as error:
        raise UsageError(str(error)) from None
    except TemporalError as error:
        print(f"temporal-do: {error}", file=sys.stderr)
        code = ExitCode.FAILED
    left = sum(each.left_in_threads for each in external)
    if left:
        # Python would wait for their threads, for as long as they like.
        logging.getLogger("temporal_do.worker").warning("leaving %d activities that do not stop", left)
        logging.shutdown()
        os._exit(code)
    return code


def load_workers(spec: str) -> list[Worker]:
    """The workers that ``spec`` means. Raises UsageError."""
    module, name = open_spec(spec, "worker")
    usable = {each: value for each, value in vars(module).items() if _is_usable(value)}
    if not name:
        if not usable:
            raise UsageError(
                f"module {module.__name__!r} holds no Worker with activities at its top level: write "
                'worker = Worker(task_queue="...", activities=[...])'
            )
        return list(dict.fromkeys(usable.values()))
    value = attribute_of(module, name, usable)
    found = list(value) if isinstance(value, list | tuple) else [value]
    if not found or not all(map(_is_usable, found)):
        without = isinstance(value, Worker)
        what = "a Worker without activities" if without else f"a {type(value).__name__}"
        raise UsageError(f"{spec} is {what}; it must be {ACCEPTED}")
    return list(dict.fromkeys(found))


def _is_usable(value: object) -> bool:
    return isinstance(value, Worker) and bool(value.activities)


async def _serve(host: RemoteHost, external: list[ExternalWorker]) -> ExitCode:
    loop = asyncio.get_running_loop()
    running = [loop.create_task(each.run()) for each in external]
    signals: list[int] = []

    def stop(number: int) -> None:
        signals.append(number)
        for each, task in zip(external, running, strict=True):
            if len(signals) == 1:
                each.stop()
            else:
                task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # Windows: Ctrl-C cancels the task that waits below
            break
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each, task in zip(external, running, strict=True):
            if not task.done():
                each.stop()
        ends = await asyncio.gather(*running, return_exceptions=True)
        await host.close()
    for end in ends:
        if isinstance(end, Exception):
            raise end
    return ExitCode.INTERRUPTED if len(signals) > 1 else ExitCode.OK
