"""Which words of a build's log are this site's own affair: its indexes, its proxies, its folders?"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.nouns.site import Site

HIDDEN = "<site>"
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_COMMON_PATHS = frozenset({"", "simple", "pypi/simple"})
_SHORTEST = 4
"""A user called `ci` would take letters out of every other word."""


def make_redaction(site: Site) -> Callable[[str], str]:
    """A line of a log -> the same without what the site's settings, the proxies and Docker's configuration name.

    pip prints the index that it looks in, with its user and its path, and only the password as stars.
    """
    words = sorted({*_site_words(site), *_proxy_words()}, key=len, reverse=True)
    if not words:
        return lambda line: line
    pattern = re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])" for word in words))
    return lambda line: pattern.sub(HIDDEN, line)


def _site_words(site: Site) -> Iterator[str]:
    for url in filter(None, (site.index_url, *site.extra_index_urls)):
        yield from _url_words(url)
    for path in (*site.wheel_folders, *([site.certificate] if site.certificate else [])):
        yield str(path)


def _proxy_words() -> Iterator[str]:
    for name in PROXIES:
        for url in filter(None, (os.environ.get(name), os.environ.get(name.upper()))):
            yield from _url_words(url)
    for settings in _docker_proxies():
        for value in settings.values():
            if isinstance(value, str):
                yield from _url_words(value)


def _docker_proxies() -> list[dict[str, object]]:
    """What `docker` hands to every build of its own accord: the key `proxies` of its configuration."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        proxies = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("proxies", {})
        return [each for each in proxies.values() if isinstance(each, dict)]
    except (OSError, ValueError, AttributeError):
        return []


def _url_words(url: str) -> Iterator[str]:
    for each in (each for each in url.split(",") if "://" not in each):  # no_proxy, or a proxy without a scheme
        if len(each) >= _SHORTEST:
            yield each
    if "://" not in url:
        return
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    path = parts.path.strip("/")
    stars = ("****@", f"{user}:****@") if login else ()
    found = {url, url.rstrip("/"), parts.netloc, place, parts.hostname or "", *(f"{each}{place}" for each in stars)}
    found |= {each for word in (user, password) for each in (word, unquote(word)) if len(each) >= _SHORTEST}
    if path not in _COMMON_PATHS:
        found |= {path, path.removesuffix("/simple")}
    yield from found - {""}
