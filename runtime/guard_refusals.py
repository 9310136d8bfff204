"""What workflow code must not call, and what to write instead. Data only.

Owns: `REFUSALS`, the one table from which the patches, the watchers and docs/determinism.md are made.
Must not import: anything of this package.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Caller = Literal["user", "anyone"]


class Refusal(NamedTuple):
    """One refused call.

    `target` is `module:path`; the path may be `*` (the functions of `random`, which are methods of a hidden
    generator), and it is `:` where only audit events tell. `replacement` is what to write instead. `caller`:
    "user" refuses only calls made directly by the user's code (so that `logging` may read the clock), looking
    through the standard library modules of `through`; "anyone" refuses whoever calls while workflow code
    runs. `without_arguments`: refused only when its argument is missing or None. `audit` are the audit events
    of the same deed. `patched` is False where nothing can be replaced, so that only the strict guard sees it.
    """

    target: str
    replacement: str
    kind: str
    caller: Caller = "user"
    through: tuple[str, ...] = ()
    without_arguments: bool = False
    audit: tuple[str, ...] = ()
    patched: bool = True
    call: str = ""

    @property
    def shown(self) -> str:
        """The call as a user writes it."""
        return self.call or f"{self.target.replace(':', '.').removesuffix('.__init__')}()"


_NOW = "ctx.now()"
_STAMP = "ctx.now().timestamp()"
_RANDOM = "ctx.random"
_ACTIVITY = "an activity (await ctx.activity(...))"
_ARGUMENT = "an argument of the workflow, or an activity"
_PATHS = (
    "pathlib",
    "io",
    "os",
    "posixpath",
    "ntpath",
    "codecs",
    "shutil",
    "tempfile",
    "gzip",
    "zipfile",
    "glob",
)
_ENVIRON = ("os", "collections")  # (the module of Mapping.get calls itself collections.abc)
_RANDOMS = ("random", "secrets", "uuid")


def _all(module: str, names: str, replacement: str, kind: str, **options: object) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(f"{module}:{name}", replacement, kind, **options)  # type: ignore[arg-type]
        for name in names.split()
    )


REFUSALS: tuple[Refusal, ...] = (
    # --- clock
    *_all("time", "time", _STAMP, "clock"),
    *_all("time", "time_ns", "int(ctx.now().timestamp() * 1e9)", "clock"),
    *_all("time", "monotonic monotonic_ns perf_counter perf_counter_ns", _STAMP, "clock"),
    *_all("time", "process_time process_time_ns thread_time thread_time_ns", _STAMP, "clock"),
    *_all("time", "clock_gettime clock_gettime_ns", _STAMP, "clock"),
    *_all("time", "localtime gmtime ctime", _NOW, "clock", without_arguments=True),
    *_all("datetime", "datetime.now datetime.utcnow datetime.today", _NOW, "clock", patched=False),
    *_all("datetime", "date.today", "ctx.now().date()", "clock", patched=False),
    # (freezegun replaces the class by one in Python)
    *_all("freezegun.api", "FakeDatetime.now", _NOW, "clock", call="datetime.datetime.now()"),
    *_all("freezegun.api", "FakeDatetime.utcnow", _NOW, "clock", call="datetime.datetime.utcnow()"),
    *_all("freezegun.api", "FakeDate.today", "ctx.now().date()", "clock", call="datetime.date.today()"),
    # --- waiting
    Refusal("time:sleep", "await ctx.sleep(...)", "blocking", audit=("time.sleep",)),
    Refusal(":", "a signal of the workflow", "blocking", audit=("builtins.input",), call="input()"),
    # --- entropy
    *_all("random", "*", _RANDOM, "entropy"),
    Refusal(
        "random:Random.__init__",
        _RANDOM,
        "entropy",
        without_arguments=True,
        call="random.Random() without a seed",
    ),
    *_all("random", "SystemRandom.random SystemRandom.getrandbits", _RANDOM, "entropy", through=_RANDOMS),
    *_all("secrets", "token_bytes token_hex token_urlsafe randbelow", _RANDOM, "entropy"),
    *_all("uuid", "uuid1 uuid4 uuid6 uuid7", "ctx.uuid4()", "entropy"),
    *_all("os", "urandom getrandom", _RANDOM, "entropy", through=("secrets",)),
    # --- environment and machine
    *_all("os", "_Environ.__getitem__", _ARGUMENT, "environment", through=_ENVIRON, call="os.environ"),
    *_all(
        "os",
        "_Environ.__setitem__ _Environ.__delitem__",
        _ARGUMENT,
        "environment",
        through=_ENVIRON,
        call="os.environ",
    ),
    *_all("os", "getpid getppid getcwd cpu_count getlogin", _ARGUMENT, "environment"),
    *_all("socket", "gethostname", _ARGUMENT, "environment"),
    *_all("platform", "node uname", _ARGUMENT, "environment"),
    # --- files
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("open",), call="open()"),
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("os.listdir",), call="os.listdir()"),
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("os.scandir",), call="os.scandir()"),
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("os.remove",), call="os.remove()"),
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("os.rename",), call="os.rename()"),
    Refusal(":", _ACTIVITY, "files", through=_PATHS, audit=("os.mkdir",), call="os.mkdir()"),
    Refusal(":", _ACTIVITY, "files", audit=("sqlite3.connect",), call="sqlite3.connect()"),
    # --- threads and processes
    Refusal(
        "threading:Thread.start",
        _ACTIVITY,
        "threads",
        "anyone",
        audit=("_thread.start_new_thread", "_thread.start_joinable_thread"),
    ),
    Refusal("concurrent.futures.thread:ThreadPoolExecutor.submit", _ACTIVITY, "threads", "anyone"),
    Refusal("concurrent.futures.process:ProcessPoolExecutor.submit", _ACTIVITY, "threads", "anyone"),
    Refusal("multiprocessing.process:BaseProcess.start", _ACTIVITY, "processes", "anyone"),
    Refusal("subprocess:Popen.__init__", _ACTIVITY, "processes", "anyone", audit=("subprocess.Popen",)),
    Refusal("os:system", _ACTIVITY, "processes", "anyone", audit=("os.system",)),
    Refusal("os:fork", _ACTIVITY, "processes", "anyone", audit=("os.fork", "os.forkpty")),
    Refusal(
        "os:posix_spawn", _ACTIVITY, "processes", "anyone", audit=("os.posix_spawn", "os.spawn", "os.exec")
    ),
    # --- network
    Refusal(
        "socket:socket.__init__", _ACTIVITY, "network", "anyone", audit=("socket.__new__", "socket.connect")
    ),
    Refusal("socket:getaddrinfo", _ACTIVITY, "network", "anyone", audit=("socket.getaddrinfo",)),
    Refusal("socket:gethostbyname", _ACTIVITY, "network", "anyone", audit=("socket.gethostbyname",)),
)
