"""What is left of a store on a file system that is really full?"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from orchestrator.engines.docker import DockerEngine
from tests.engine.conftest import give_up

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
IMAGE = f"python:{VERSION}-slim-bookworm"
PUBLISH = """
import json
from pathlib import Path
from orchestrator.errors import StoreError
from orchestrator.store.folder import Store
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import verify_store
from tests.makers import key, record, reply

told = {"published": 0, "messages": []}
try:
    open_store(Path("/store/s"), create=True)
except StoreError as error:
    told["refused"] = str(error)
store = Store(Path("/store/s"))  # as it would be if the disk had been filled by somebody else in the middle of a run
store.records.mkdir(parents=True, exist_ok=True)
for number in range(1000):
    made = record(key=key(number), reported=reply(samples_s=(0.1,) * (100 * number)))
    try:
        assert not publish_record(store, made).problem
    except StoreError as error:
        told["messages"].append(str(error))
        if len(told["messages"]) == 3:
            break
    else:
        told["published"] += not told["messages"]
found = verify_store(store)
told |= {"sound": found.records, "problems": [str(each) for each in found.problems]}
print(json.dumps(told))
"""


def test_a_publisher_on_a_full_file_system_stops_with_one_message_and_tears_nothing(engine: DockerEngine) -> None:
    from docker.errors import ImageNotFound

    try:
        engine.client.inspect_image(IMAGE)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        give_up(f"the image {IMAGE}, of the Python that runs here, is not on this engine")
    command = ["docker", "run", "--rm", "--init", "--network", "none", "--read-only", "--tmpfs", "/store:size=256k"]
    command += ["--volume", f"{ROOT}:/repo:ro", "--volume", f"{sysconfig.get_paths()['purelib']}:/site:ro"]
    command += [
        "--env",
        "PYTHONPATH=/repo:/site",
        "--env",
        "PYTHONDONTWRITEBYTECODE=1",
        IMAGE,
        "python3",
        "-c",
        PUBLISH,
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "less than" in told["refused"]
    assert "MiB are free" in told["refused"]
    assert told["published"] > 5
    assert told["sound"] >= told["published"]  # a smaller one may still find room after a larger one has not
    assert told["problems"] == []
    for message in told["messages"]:
        assert "No space left on device" in message
        assert "/store/s" in message
        assert "free some space, or name another folder with --store" in message
