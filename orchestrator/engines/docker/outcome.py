"""What is said of a container's life when it is over?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.engines.taxonomy import Ending, decide_end, split_status
from orchestrator.nouns.launch import End, Observed, Outcome

if TYPE_CHECKING:
    from orchestrator.engines.docker.process import Container
    from orchestrator.engines.watch import Watched
    from orchestrator.nouns.launch import Launch


def decide(watched: Watched, state: dict[str, Any], process: Container) -> Ending:
    """By the engine's own state, and by the counters of its control group, which see what engines miss."""
    exit_code, number = split_status(int(state["ExitCode"]))
    oom = bool(state.get("OOMKilled")) or bool(process.counted.oom_kills)
    return decide_end(watched, oom=oom, exit_code=exit_code, signal_number=number)


def observe(launch: Launch, process: Container, watched: Watched, ending: Ending) -> Observed:
    """`wall_s` holds the engine's own work of starting the process: an upper bound of its life, never a lower one."""
    return Observed(
        wall_s=watched.wall_s,
        overhead_s=0.0,  # known once the container is removed
        cpu_s=process.counted.cpu_s,
        peak_bytes=process.counted.peak_bytes,
        throttled_periods=process.counted.throttled_periods,
        oom_killed=ending.oom,
        exit_code=ending.exit_code,
        signal=ending.signal,
        image_id=launch.image,
        container=True,
        unavailable=process.unavailable(watched.ended_at),
    )


def without_process(end: End, detail: str, begin: float) -> Outcome:
    """Of a launch that came to no process, or to one of which nothing is known; `begin` is monotonic."""
    reason = "there was no process to look at, or none that ended"
    return Outcome(
        end=end,
        detail=detail,
        observed=Observed(
            wall_s=0.0,
            overhead_s=time.monotonic() - begin,
            container=True,
            unavailable=dict.fromkeys(("cpu_s", "peak_bytes", "throttled_periods", "oom_killed"), reason),
        ),
    )
