"""Kill -9 while images are pushed: what was acknowledged is whole, and nothing is left over."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

from examples import hosting
from localhost.registry.garbage import sweep
from localhost.registry.store import Store
from shared.modules.containers.registry.manifests import digest_of
from tests.registry.crashing import REPOSITORY


def test_whenever_it_is_killed_each_image_that_was_acknowledged_is_whole(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"{seed=}")
    acknowledged: list[str] = []
    for count in random.Random(seed).choices(range(20, 150), k=3):
        command = [sys.executable, "-m", "tests.registry.crashing", str(tmp_path)]
        with subprocess.Popen(command, cwd=hosting.ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline() for _ in range(count)]
            process.kill()
            acknowledged += [line for line in process.stdout if line.endswith("\n")]
        store = Store(tmp_path)
        asyncio.run(sweep(store))
        rows = asyncio.run(
            store.writer.run(lambda connection: connection.execute("SELECT digest FROM blobs"))
        )
        assert {row[0] for row in rows.fetchall()} == set(store.files.blobs())
        for line in acknowledged:
            tag, manifest, *blobs = line.split()
            found = store.manifest(REPOSITORY, tag)
            assert found.digest == manifest == digest_of(found.content)
            for blob in blobs:
                assert digest_of(store.files.blob(blob).read_bytes()) == blob
        store.close()
    assert len(acknowledged) >= 60
