"""What a host takes from the machine it runs on: the clock and the entropy.

Invariant: within one host time never runs backwards, whatever is done to the machine's clock.

Must not import: a part of this package.
"""

from __future__ import annotations

import os
import time


class Machine:
    """The two of the host's methods that ask nobody else; see runtime.host.Host."""

    _latest_ns = 0

    def now(self) -> int:
        """The machine's time, ns since the Unix epoch; it stands still where the machine's clock is set
        back."""
        self._latest_ns = max(self._latest_ns, time.time_ns())
        return self._latest_ns

    def entropy(self, size: int) -> bytes:
        """``size`` unpredictable bytes."""
        return os.urandom(size)
