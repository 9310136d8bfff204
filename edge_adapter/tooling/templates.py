"""The texts that ``edge init`` writes.

Owns their words; the names in them come from ``worker_shape``. Invariant: the same arguments give the same
text. Reads and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from . import worker_shape as shape

_EDGE = "temporal_do.edge_adapter.cloudflare"
IGNORED = ("/.temporal-do/", "/.wrangler/", f"/{shape.SECRETS_FILE}")
"""Lines for .gitignore."""


def configuration(name: str, entry: str) -> str:
    """wrangler.jsonc for the Worker ``name`` whose entry is the file ``entry``."""
    flags = json.dumps([flag for flag, _ in shape.COMPATIBILITY_FLAGS])
    bindings = ",\n".join(
        f'      {{"name": "{each.binding}", "class_name": "{each.name}"}}' for each in shape.OBJECT_CLASSES
    )
    classes = ",\n".join(f'        "{each.name}"' for each in shape.OBJECT_CLASSES)
    queue, dead = shape.queue_name(name), shape.dead_letter_queue_name(name)
    return f"""\
// The Worker {name}. 'temporal-do edge check' says whether anything it needs is missing;
// 'temporal-do edge deploy' deploys the bundle folder made from this, not this folder itself.
{{
  "$schema": "https://raw.githubusercontent.com/cloudflare/workers-sdk/main/packages/wrangler/config-schema.json",
  "name": "{name}",
  "main": "{entry}",
  // From this date on Python is 3.14. A later one is fine.
  "compatibility_date": "{shape.COMPATIBILITY_DATE}",
  "compatibility_flags": {flags},

  // One class per kind of durable object. Never remove one: its data would go with it.
  "durable_objects": {{
    "bindings": [
{bindings}
    ]
  }},
  "migrations": [
    {{
      "tag": "v1",
      "new_sqlite_classes": [
{classes}
      ]
    }}
  ],

  // Activities travel through the first queue; what can't be delivered goes through the second, and again.
  "queues": {{
    "producers": [{{"binding": "{shape.QUEUE_BINDING}", "queue": "{queue}"}}],
    "consumers": [
      {{
        "queue": "{queue}",
        "max_batch_size": {shape.QUEUE_BATCH_SIZE},
        "max_batch_timeout": {shape.QUEUE_BATCH_TIMEOUT_SECONDS},
        "max_retries": {shape.QUEUE_RETRIES},
        "retry_delay": {shape.QUEUE_RETRY_DELAY_SECONDS},
        "dead_letter_queue": "{dead}"
      }},
      {{"queue": "{dead}", "max_batch_timeout": {shape.QUEUE_BATCH_TIMEOUT_SECONDS}}}
    ]
  }},

  // Closed histories that are large, or kept for ever.
  "r2_buckets": [{{"binding": "{shape.BUCKET_BINDING}", "bucket_name": "{shape.bucket_name(name)}"}}],

  // The sweep that wakes what the platform has forgotten.
  "triggers": {{"crons": ["{shape.SWEEP_CRON}"]}},

  // The bearer token of the HTTP API. In production: npx wrangler secret put {shape.TOKEN}
  "secrets": {{"required": ["{shape.TOKEN}"]}},

  "observability": {{"enabled": true}}
}}
"""


def entry(module: str, workers: Sequence[str]) -> str:
    """The entry for the objects named ``workers`` in ``module``: each is a Worker, or a list of them when
    its name begins with a star."""
    names = sorted((shape.BASE, *(each for each in shape.EXPORTS if each != shape.FETCH_HANDLER)))
    imported = ", ".join(sorted(each.lstrip("*") for each in workers))
    return f'''\
"""The entry of the Worker: which workers run in it. The classes are those that wrangler.jsonc binds."""

from {_EDGE} import (
{_indented(names)}
)

from {module} import {imported}

__all__ = [
{_indented([f'"{each}"' for each in sorted(shape.EXPORTS)])}
]


class {shape.FETCH_HANDLER}({shape.BASE}):
    """Takes requests, activity tasks and cron triggers."""

    workers = [{", ".join(workers)}]
'''


def _indented(words: Sequence[str]) -> str:
    return "\n".join(f"    {word}," for word in words)
