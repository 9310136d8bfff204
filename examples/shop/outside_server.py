"""The outside world as a small HTTP server, for a shop that runs in a Worker: it survives the Worker's death,
and remembers which attempt of which activity has called.

    python -m examples.shop.outside_server        # prints its address, for examples/.dev.vars
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from .outside import Outside
from .outside_http import ERRORS

CALLS = ("sells", "reserve", "release", "charge", "book", "mail", "sales")


class OutsideServer:
    """`world`, behind `url`."""

    def __init__(self, world: Outside, url: str) -> None:
        self.world = world
        self.url = url
        self.visits: Counter[tuple[str, int]] = Counter()
        """(idempotency key, attempt) -> how often that attempt has called."""
        self._lock = Lock()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call."""
        if request["call"] not in CALLS:
            return {"error": "NoSuchCall", "message": request["call"]}
        with self._lock:  # the world is one thread's
            key, attempt = request["activity"]
            self.visits[key, attempt] += 1
            try:
                return {"result": asyncio.run(getattr(self.world, request["call"])(*request["args"]))}
            except tuple(ERRORS.values()) as error:
                return {"error": type(error).__name__, "message": str(error)}


@contextmanager
def serve_outside(world: Outside, port: int = 0) -> Iterator[OutsideServer]:
    """Serve `world` on this machine while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = json.dumps(server.answer(json.loads(body))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A Worker that was killed in the middle of a call is no news."""

    with Server(("127.0.0.1", port), Handler) as http:
        server = OutsideServer(world, f"http://127.0.0.1:{http.server_address[1]}")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


if __name__ == "__main__":
    with serve_outside(Outside(), port=8790) as running, suppress(KeyboardInterrupt):
        print(f"SHOP_OUTSIDE={running.url}    (Ctrl-C ends it)", flush=True)
        Event().wait()
