"""Reads the clock and the environment when it is imported, as modules do."""

import os
import time

STARTED_AT = time.time()
HOME = os.environ.get("HOME")
