"""Which images have to be built, and what became of each?"""

from __future__ import annotations

import queue
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.builder.bases import find_bases, stands_on
from orchestrator.builder.engine import Present, check_builder, find_present, remove_image
from orchestrator.builder.events import Built, Event, Stage
from orchestrator.builder.process import Builds
from orchestrator.builder.sbom import read_packages
from orchestrator.builder.wheels import hash_wheels
from orchestrator.errors import BuildError, NoEngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.nouns.image import Image
    from orchestrator.nouns.site import Site

POLL_S = 0.2


def build_images(
    images: Iterable[Image],
    site: Site,
    *,
    jobs: int | None = None,
    on_event: Callable[[Event], None],
    logs: Path | None = None,
) -> list[Built]:
    """Build what the engine does not hold yet, `jobs` at once; one Built per different image, in the order given.

    `on_event` is called in the caller's thread. Logs go to `logs` (default: `builds` in the cache folder), one file per
    image. Raises NoEngineError where no engine answers; an image that fails is a value. An exception in the caller's
    thread, Ctrl-C among them, ends every build before it goes on.
    """
    wanted = {image.name: image for image in images}
    present = find_present(list(wanted))
    for name, found in present.items():
        on_event(Event(name, Stage.PRESENT, found.image_id))
    missing = [image for name, image in wanted.items() if name not in present]
    made = _build_missing(missing, site, jobs or site.jobs, on_event, logs) if missing else {}
    here = find_present([name for name, built in made.items() if built.ok])
    results = []
    for name in wanted:
        built = made.get(name, Built(name, Stage.PRESENT))
        held = present.get(name) or here.get(name)
        if held:
            built = built._replace(size_bytes=held.size_bytes, image_id=held.image_id)
        results.append(built)
    return results


def _build_missing(
    images: list[Image], site: Site, jobs: int, on_event: Callable[[Event], None], logs: Path | None
) -> dict[str, Built]:
    check_builder()
    logs = logs or paths.cache_dir() / "builds"
    logs.mkdir(parents=True, exist_ok=True)
    # Workers put, the caller's thread takes: a display needs no lock, and Ctrl-C is seen here.
    heard: queue.SimpleQueue[Event] = queue.SimpleQueue()
    wheels, bases = hash_wheels(site.wheel_folders), find_bases(image.base for image in images)
    builds = Builds(site, wheels=wheels, bases=bases, logs=logs, tell=heard.put)
    for image in images:
        on_event(Event(image.name, Stage.QUEUED))
    made: dict[str, Built] = {}
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="build") as pool:
        try:
            futures = [pool.submit(_build_one, builds, image, bases.get(image.base)) for image in images]
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
                while not heard.empty():
                    on_event(heard.get())
                for future in done:
                    built = future.result()
                    made[built.image] = built
                    on_event(Event(built.image, built.status, built.reason or f"{built.seconds:.1f} s"))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            builds.stop()
            raise
    return made


def _build_one(builds: Builds, image: Image, base: Present | None) -> Built:
    built = builds.build(image)
    made = find_present([image.name]).get(image.name) if built.ok else None
    if made is None:
        return built
    if base is not None and not stands_on(made, base):
        remove_image(image.name)
        return built._replace(status=Stage.FAILED, reason=f"{image.base} became another image during the build")
    # Asked while its layers are in the page cache. A run asks again what did not answer, and says so.
    with suppress(BuildError, NoEngineError):
        read_packages(made.image_id)
    return built
