"""The address of a durable object.

Owns the form ``Kind/namespace/name``: a plain string, so that it hashes fast, sorts, prints and travels in
messages as it is. Every part is percent-encoded, so that ``a/b`` + ``c`` and ``a`` + ``b/c`` stay two keys; a
part longer than ``PART_LENGTH_MAX`` is replaced by its hash (an object's first commit stores its identity
in full). Imports nothing of the engine.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

WORKFLOW = "WorkflowDO"
ACTIVITY = "ActivityDO"
TASK_QUEUE = "TaskQueueDO"
TIMER = "TimerDO"
HISTORY = "HistoryDO"
VISIBILITY = "VisibilityDO"

WORKFLOW_ID_LENGTH_MAX = 1_000
"""In characters. An id is kept whole in its object; only its part of a key is shortened."""
PART_LENGTH_MAX = 400
VISIBILITY_SHARDS = 4

_SAFE = "-._~:+@,=!*()"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + _SAFE)


class KeyParts(NamedTuple):
    """The three parts of a key, still encoded."""

    kind: str
    namespace: str
    name: str


def encode_part(text: str) -> str:
    """Percent-encode ``text`` so that it holds no slash; hash it when it is very long."""
    if _PLAIN.issuperset(text):
        encoded = text
    else:
        encoded = quote(text, safe=_SAFE)
    if len(encoded) <= PART_LENGTH_MAX:
        return encoded
    return "%23" + blake2b(text.encode(), digest_size=20).hexdigest()


def decode_part(part: str) -> str:
    """The text that ``part`` encodes; of a hashed one ``#`` and the hash, which encodes to the same part."""
    return unquote(part) if "%" in part else part


def object_key(kind: str, namespace: str, *names: str) -> str:
    """The key of an object of ``kind`` in ``namespace``; several names are joined unambiguously."""
    return f"{kind}/{encode_part(namespace)}/{'|'.join(map(encode_part, names))}"


def parse_key(key: str) -> KeyParts:
    """Split a key into its encoded parts."""
    kind, namespace, name = key.split("/", 2)
    return KeyParts(kind, namespace, name)


def kind_of(key: str) -> str:
    """The class of the object that ``key`` addresses."""
    return key[: key.index("/")]


def workflow_key(namespace: str, workflow_id: str) -> str:
    """Key of the WorkflowDO that owns every run of ``workflow_id``."""
    return object_key(WORKFLOW, namespace, workflow_id)


def activity_key(namespace: str, run_id: str, activity_id: str) -> str:
    """Key of the ActivityDO of one scheduled activity of one run."""
    return object_key(ACTIVITY, namespace, run_id, activity_id)


def task_queue_key(namespace: str, task_queue: str) -> str:
    """Key of the TaskQueueDO that parks tasks of ``task_queue`` while nobody polls it."""
    return object_key(TASK_QUEUE, namespace, task_queue)


def schedule_key(namespace: str, schedule_id: str) -> str:
    """Key of the TimerDO that owns one schedule."""
    return object_key(TIMER, namespace, schedule_id)


def history_key(namespace: str, run_id: str) -> str:
    """Key of the HistoryDO that archives one run."""
    return object_key(HISTORY, namespace, run_id)


def visibility_shard(workflow_id: str) -> int:
    """The visibility shard of ``workflow_id``; the count is fixed for the life of a namespace."""
    return blake2b(workflow_id.encode(), digest_size=2).digest()[0] % VISIBILITY_SHARDS


def visibility_key(namespace: str, shard: int) -> str:
    """Key of one VisibilityDO shard of ``namespace``."""
    return object_key(VISIBILITY, namespace, str(shard))
