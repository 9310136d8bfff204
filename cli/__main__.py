"""``python -m temporal_do.cli``: the same as the ``temporal-do`` command."""

from __future__ import annotations

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
