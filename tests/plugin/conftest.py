"""A user's project with one module of workflows, for tests that run pytest on tests of that user."""

from __future__ import annotations

from textwrap import dedent

import pytest

APP = """
from temporal_do.runtime import Temporal, Worker

temporal = Temporal(namespace="shop")


@temporal.activity
async def charge(amount):
    return f"charged {amount}"


@temporal.workflow("order")
async def order(ctx, amount):
    await ctx.sleep("cool down", "7d")
    return await ctx.activity("charge", lambda: charge(amount))


@temporal.workflow("buggy")
async def buggy(ctx):
    await ctx.sleep("a while", "1d")
    return {}["the missing key"]


runs = []


@temporal.workflow("impure")
async def impure(ctx):
    runs.append(1)
    await ctx.sleep("a while", f"{len(runs)}s")


worker = Worker(
    namespace="shop", task_queue="main", workflows=[order, buggy, impure], activities=[charge]
)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with ``app.py``."""
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    pytester.makepyfile(app=APP)
    return pytester


def write_tests(project: pytest.Pytester, text: str) -> None:
    """Write ``test_it.py``."""
    project.makepyfile(test_it="from app import *\nimport asyncio, datetime, pytest\n" + dedent(text))
