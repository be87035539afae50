"""Is bench.toml taken at its word, and pip's configuration where it is silent?"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.host.site import parse_pip_settings, read_config


def write(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text)
    return path


def test_everything_that_the_file_says_and_relative_to_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        store = "results"
        scripts = ["mine", "/abs/theirs"]
        [build]
        jobs = 3
        timeout_s = 60
        wheels = ["w", "/abs"]
        index_url = "https://index.example/simple"
        extra_index_urls = ["https://more.example/simple"]
        certificate = "ca.pem"
        """,
    )
    config = read_config(path, pip={})
    assert config.store == tmp_path / "results"
    assert config.scripts == (tmp_path / "mine", Path("/abs/theirs"))
    assert config.site.jobs == 3
    assert config.site.build_timeout_s == 60
    assert config.site.wheel_folders == (tmp_path / "w", Path("/abs"))
    assert config.site.index_url == "https://index.example/simple"
    assert config.site.extra_index_urls == ("https://more.example/simple",)
    assert config.site.certificate == tmp_path / "ca.pem"


def test_what_the_file_does_not_say_is_what_pip_is_told(tmp_path: Path) -> None:
    pip = {
        "find-links": f"{tmp_path}\n{tmp_path.as_uri()} https://page.example/links /nowhere",
        "index-url": "https://pip.example/simple",
        "extra-index-url": "file:///a/simple https://b.example/simple",
        "cert": "/ca.pem",
    }
    site = read_config(write(tmp_path, ""), pip=pip).site
    assert site.wheel_folders == (tmp_path, tmp_path), "folders that are there, and no web page"
    assert site.index_url == "https://pip.example/simple"
    assert site.extra_index_urls == ("file:///a/simple", "https://b.example/simple")
    assert site.certificate == Path("/ca.pem")


def test_what_the_file_says_wins_over_pip_key_by_key(tmp_path: Path) -> None:
    path = write(tmp_path, '[build]\nindex_url = "https://mine.example"\nextra_index_urls = []\n')
    pip = {"index-url": "https://pip.example", "extra-index-url": "https://more.example", "cert": "/ca.pem"}
    site = read_config(path, pip=pip).site
    assert (site.index_url, site.extra_index_urls, site.certificate) == ("https://mine.example", (), Path("/ca.pem"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stor = 'x'", "key stor .*'store'"),
        ("[build]\nwheel = ['x']", "key build.wheel .*'wheels'"),
        ("[build]\njobs = 0", "jobs"),
        ("[build]\njobs = 'many'", "jobs"),
        ("[build]\nwheels = 3", "wheels"),
        ("[build]\ncertificate = 3", "expected|str"),
        ("store = 3", "store"),
        ("build = 3", "build"),
        ("not toml", "not TOML"),
    ],
)
def test_what_it_cannot_mean_is_refused_with_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SpecError, match=message) as caught:
        read_config(path, pip={})
    assert str(path) in str(caught.value)


def test_pips_own_precedence_is_kept() -> None:
    lines = [
        ":env:.index-url='https://env.example'",
        "global.index-url='https://global.example'",
        "install.cert='/install.pem'",
        "global.cert='/global.pem'",
        "global.find-links='/a\\n/b'",
        "nonsense",
        "global.timeout=not a literal(",
    ]
    found = parse_pip_settings(lines)
    assert found["index-url"] == "https://env.example"
    assert found["cert"] == "/install.pem"
    assert found["find-links"] == "/a\n/b"
