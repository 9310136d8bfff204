"""A folder of this user's that holds what was fetched and made, shared by every process on the machine.

Owns: where it is, and that an entry is made once: whoever comes first makes it under a lock, beside its final
place, and renames it there when it is complete; the others wait. An interrupted attempt leaves nothing that
counts.
Must not import: anything of this package but `errors` and the file lock.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ...file_lock import try_lock
from .errors import EdgePlatformError

# Overrides where the cache is.
CACHE_VARIABLE = "TEMPORAL_DO_EDGE_CACHE"
_LOCK_POLL_S = 0.1


def default_cache() -> Path:
    """TEMPORAL_DO_EDGE_CACHE, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "temporal-do"


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    with open(path, "a+", encoding="utf-8") as file:
        while not try_lock(file):
            await asyncio.sleep(_LOCK_POLL_S)
        yield


async def cached(cache: Path, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
    """The entry `name` of the cache; `make(folder)` fills an empty folder when it is not there yet.

    Raises what `make` raises, and EdgePlatformError when the cache cannot be written.
    """
    final = cache / name
    if final.is_dir():
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        async with _locked(cache / f"{name}.lock"):
            if final.is_dir():
                return final
            partial = cache / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                await make(partial)
                partial.rename(final)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise EdgePlatformError(
            f"cannot write the cache folder {cache}: {error}. Name another one in {CACHE_VARIABLE}."
        ) from error
    return final
