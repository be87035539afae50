"""What does each kind of RUN say? The same as templates/run.j2, written a second time: see render/expect.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.catalog.fields import TRIPLET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.nouns.variant import Archive, Variant

WHEELS = "--mount=type=bind,from=wheels,target=/run/wheels"
CA = "--mount=type=secret,id=ca"
MADE = "--mount=type=bind,from=build,source=/out,target=/run/out"


def apt(packages: Sequence[str], components: Sequence[str]) -> str:
    """Packages of a distribution, with the site's certificate and the caches of this engine."""
    lists = f"id=bench-apt-lists-{'.'.join(components)},target=/var/lib/apt/lists"
    return (
        "--mount=type=cache,id=bench-apt,target=/var/cache/apt,sharing=locked"
        f" --mount=type=cache,{lists},sharing=locked {CA} rm -f /etc/apt/apt.conf.d/docker-clean &&"
        " ca=() && if [ -s /run/secrets/ca ]; then ca=(-o Acquire::https::CAInfo=/run/secrets/ca); fi &&"
        ' apt-get "${ca[@]}" update -qq && DEBIAN_FRONTEND=noninteractive apt-get "${ca[@]}" install -qq'
        f" --no-install-recommends {' '.join(packages)}"
    )


def components(names: Sequence[str]) -> str:
    """More of the archive than its main part."""
    joined = " ".join(names)
    return (
        "for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do"
        f" if [ -f \"$file\" ]; then sed -i -E -e 's/^(deb .*) main$/\\1 {joined}/'"
        f" -e 's/^Components: main$/Components: {joined}/' \"$file\"; fi; done &&"
        f" grep -qrE '{joined}' /etc/apt/sources.list /etc/apt/sources.list.d/"
    )


def mounts(file: str) -> str:
    """How every step of pip begins."""
    return (
        f"--mount=type=cache,id=bench-pip,target=/root/.cache/pip {CA} --mount=type=secret,id=pip {WHEELS}"
        f" --mount=type=bind,source={file},target=/run/{file} if [ -s /run/secrets/ca ]; then"
        " export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi && export PIP_CONFIG_FILE=/run/secrets/pip"
        " PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore &&"
    )


def pip(file: str, python: str) -> str:
    """What a lock holds, into an interpreter that is the row's."""
    return (
        f'{mounts(file)} found="$(python3 -c \'import sys; print("%d.%d" % sys.version_info[:2])\' || true)" &&'
        f' if [ "$found" != {python} ]; then echo "bench: interpreter: expected Python {python}, the base has'
        ' ${found:-none}" >&2; exit 1; fi && python3 -m pip install --no-deps --require-hashes --only-binary :all:'
        f" --find-links /run/wheels --requirement /run/{file}"
    )


def links(names: Mapping[str, str]) -> str:
    """Sonames that a wheel asks for, beside those that this release has."""
    folder = f"/usr/lib/{TRIPLET}"
    made = [f"test -e {folder}/{found} && ln -s {found} {folder}/{wanted} && " for wanted, found in names.items()]
    return f"{''.join(made)}ldconfig"


def archives(archives: Sequence[Archive], variant: Variant) -> str:
    """Source by its hash, from the site's folder or from its authors."""
    of = f"of {variant.framework} {variant.version}"
    fetched = " && ".join(f"fetch '{each.file}' '{each.url}' '{each.sha256}'" for each in archives)
    return (
        f"{WHEELS} {CA} ca=() && if [ -s /run/secrets/ca ]; then ca=(--cacert /run/secrets/ca); fi && fetch() {{"
        f' if [ -z "$3" ]; then echo "bench: archive: $1 {of}: its row has no sha256 of $2, so nothing is built of it"'
        ' >&2; return 1; fi; for file in /run/wheels/*; do if [ -f "$file" ] &&'
        ' [ "$(sha256sum "$file" | cut --delimiter \' \' --fields 1)" = "$3" ]; then'
        ' cp "$file" "/archives/$1"; return 0; fi; done;'
        ' if ! curl "${ca[@]}" --fail --silent --show-error --location --connect-timeout 20 --retry 2'
        f' --output "/archives/$1" "$2"; then echo "bench: archive: $1 {of}: expected sha256 $3, found no file with it'
        ' in a folder named under wheels in bench.toml, and $2 cannot be fetched" >&2; return 1; fi;'
        ' found="$(sha256sum "/archives/$1" | cut --delimiter \' \' --fields 1)"; if [ "$found" != "$3" ]; then'
        f' echo "bench: archive: $1 {of}: expected sha256 $3, found $found at $2" >&2; return 1; fi; }};'
        f" mkdir /archives && {fetched}"
    )
