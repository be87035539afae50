"""Are a place's own words kept out of a build's log, and everything else left in it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.builder.redact import make_redaction
from orchestrator.nouns.site import Site

SITE = Site(
    index_url="https://jane:s%26cret@mirror.test:8443/team/pypi/simple",
    extra_index_urls=("https://wheels.test/simple",),
    wheel_folders=(Path("/srv/wheels"),),
    certificate=Path("/etc/corp/ca.pem"),
)


@pytest.fixture(autouse=True)
def nothing_of_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


LOOKING = "#9 1.2 Looking in indexes: https://jane:****@mirror.test:8443/team/pypi/simple, https://wheels.test/simple"
INSTALLED = "Successfully installed numpy-2.4.6 janet wheels.tests"
MISSING = "ERROR: No matching distribution found for numpy==9 (from simple)"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (LOOKING, "#9 1.2 Looking in indexes: https://<site>/<site>, <site>"),
        ("(host='mirror.test', port=8443): /team/pypi/simple/numpy/", "(host='<site>', port=8443): /<site>/numpy/"),
        ("password s&cret, quoted s%26cret, of jane", "password <site>, quoted <site>, of <site>"),
        ("found links in /srv/wheels and /etc/corp/ca.pem", "found links in <site> and <site>"),
        (INSTALLED, INSTALLED),
        (MISSING, MISSING),
    ],
)
def test_what_the_site_names_is_hidden_and_nothing_else(line: str, shown: str) -> None:
    assert make_redaction(SITE)(line) == shown


def test_proxies_of_the_environment_and_of_dockers_configuration_are_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://joan:hidden@proxy.test:3128")
    monkeypatch.setenv("no_proxy", "intranet.test,.corp.test")
    proxies = {"default": {"httpProxy": "http://inner.test:80", "noProxy": "db.test", "odd": 3}, "other": "odd"}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    hide = make_redaction(Site())
    said = hide("joan hidden proxy.test:3128 inner.test intranet.test db.test pypi.org")
    assert said == "<site> <site> <site> <site> <site> <site> pypi.org"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"proxies": []}', '{"proxies": null}'])
def test_a_configuration_that_is_none_hides_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert make_redaction(Site())("anything at all") == "anything at all"
