"""The shop on the platform's own binary: its histories are fetched over HTTP, and replay, redacted too."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from examples.shop.pace import use_pace
from temporal_do.cli.exit_codes import ExitCode
from temporal_do.cli.main import main
from tests.edge_shop.customers import gets_tea, is_broke
from tests.edge_shop.shop import QUICK, TOKEN, build, open_shop
from tests.history_fetch.canaries import contents
from tests.on_workerd import platform_or_skip

WORKER = "examples.shop.worker"


def test_histories_of_a_deployed_shop_are_fetched_and_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMPORAL_DO_TOKEN", TOKEN)
    platform = platform_or_skip()
    plain, redacted = tmp_path / "plain", tmp_path / "redacted"

    async def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, list(words))
        return code, capsys.readouterr().out

    async def work() -> None:
        build(platform, tmp_path / "bundle")
        async with open_shop(platform, tmp_path / "bundle", tmp_path / "state") as shop:
            people = (gets_tea, is_broke)
            await asyncio.gather(
                *(person(shop.temporal, str(1000 + n), Random(n)) for n, person in enumerate(people))
            )
            fetch = ("history", "fetch", "--url", shop.edge.url, "--namespace", "shop", "--out")
            code, said = await command(*fetch, str(plain), "--output", "json")
            assert code == ExitCode.OK, said
            count = json.loads(said)["selected"]
            assert count >= 2
            with use_pace(QUICK):
                code, said = await command("replay", str(plain), "--workflows", WORKER)
                assert code == ExitCode.OK, said
                redact = (*fetch, str(redacted), "--redact", "--workflows", WORKER, "--output", "json")
                _, said = await command(*redact)
                needed = json.loads(said)["redaction"]["needed"]
                code, said = await command(*redact, *(word for each in needed for word in ("--keep", each)))
                assert code == ExitCode.OK, said
                code, said = await command("replay", str(redacted), "--workflows", WORKER)
                assert code == ExitCode.OK, said
                assert len(list(redacted.glob("*.json"))) == count

    asyncio.run(work())
    before = "\n".join(each for path in plain.glob("*.json") for each in contents(path.read_text()))
    after = "\n".join(each for path in redacted.glob("*.json") for each in contents(path.read_text()))
    assert '"by":"clerk"' in before and '"clerk"' not in after
