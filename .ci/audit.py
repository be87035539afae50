"""Does anything that bench runs on have a known vulnerability, and does its own code do what scanners warn of?

bandit over orchestrator/, pip-audit over requirements.txt. Where no advisory service knows or answers, that is said as
`not verified` and is no failure: silence is not an answer, and neither is a network without a way out.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
SERVICES = ("pypi", "osv")
TIMEOUT_S = 300
UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolution|Could not connect|Max retries|ProxyError|HTTP(S)?Error"
)


class Answer(NamedTuple):
    """What an advisory service says of the lock."""

    vulnerable: tuple[str, ...] = ()
    checked: int = 0
    unknown: tuple[str, ...] = ()
    """Dependencies that it did not look at, and why."""
    failure: str = ""
    """Why the audit itself did not run: a lock that cannot be read, say."""

    @property
    def verified(self) -> bool:
        """Whether every dependency was looked at."""
        return self.checked > 0 and not self.unknown and not self.failure


def read_answer(out: str, err: str) -> Answer:
    """Of pip-audit's JSON and of what it complains of. Its exit code is 0 too where it could look at nothing."""
    try:
        listed: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or ["no message"])[-1][:300]
        if UNREACHABLE.search(err):
            return Answer(unknown=(f"the service cannot be reached: {last}",))
        return Answer(failure=last)
    found = [
        f"{each['name']} {each.get('version', '')}: {flaw['id']} (fixed in {', '.join(flaw['fix_versions']) or 'none'})"
        for each in listed
        for flaw in each.get("vulns", [])
    ]
    unknown = tuple(str(each["skip_reason"]) for each in listed if "skip_reason" in each)
    return Answer(tuple(found), len(listed) - len(unknown), unknown)


def ask_service(service: str) -> Answer:
    """pip-audit over the lock; nothing is installed."""
    argv = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--requirement", str(LOCK)]
    argv += ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return Answer(unknown=(f"the service does not answer within {TIMEOUT_S} s",))
    return read_answer(done.stdout, done.stderr)


def say_answers(answers: dict[str, Answer]) -> tuple[list[str], int]:
    """The lines to print, and the exit code: 1 for a vulnerability, or an audit that did not run."""
    lines = [f"{service}: VULNERABLE: {each}" for service, answer in answers.items() for each in answer.vulnerable]
    lines += [f"{service}: the audit failed: {each.failure}" for service, each in answers.items() if each.failure]
    code = 1 if lines else 0
    best = max(answers.values(), key=lambda each: each.checked)
    if any(answer.verified for answer in answers.values()):
        return [*lines, f"verified: {best.checked} dependencies, by their versions in {LOCK.name}"], code
    lines.append(f"not verified: {best.checked} dependencies of {LOCK.name} were looked at, and the others were not:")
    for service, answer in answers.items():
        more = f", and {len(answer.unknown) - 1} more" if len(answer.unknown) > 1 else ""
        lines += [f"not verified: {service}: {answer.unknown[0]}{more}"] if answer.unknown else []
    return lines, code


def main() -> int:
    """Scan the code, then ask one service after the other until one has looked at everything."""
    scan = [sys.executable, "-m", "bandit", "--quiet", "--configfile", "pyproject.toml", "--severity-level", "medium"]
    scanned = subprocess.run([*scan, "--recursive", "orchestrator"], check=False, cwd=ROOT).returncode
    answers: dict[str, Answer] = {}
    for service in SERVICES:
        answers[service] = ask_service(service)
        if answers[service].verified:
            break
    lines, code = say_answers(answers)
    print(*lines, sep="\n")
    return scanned or code


if __name__ == "__main__":
    sys.exit(main())
