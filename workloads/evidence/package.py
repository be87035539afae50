"""Which package of the distribution brought a module, and in which version?

Debian's torch says of itself that it is 1.13.0a0; the package that it came in is 1.13.1. Both are evidence.
"""

import glob
import io
import os
import sys

DPKG = "/var/lib/dpkg"


def package(module, dpkg=DPKG):
    """`python3-torch 1.13.1+dfsg-4` for the module's file, or None where no package of dpkg's holds it."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if not path or not os.path.isdir(dpkg):
        return None
    owner = _owner(os.path.realpath(path), dpkg)
    version = _version(owner, dpkg) if owner else None
    return "{0} {1}".format(owner, version) if version else None


def _owner(path, dpkg):
    for listing in sorted(glob.glob(os.path.join(dpkg, "info", "*.list"))):
        with io.open(listing, encoding="utf-8", errors="replace") as file:
            if any(line.rstrip("\n") == path for line in file):
                return os.path.basename(listing)[: -len(".list")].split(":")[0]
    return None


def _version(owner, dpkg):
    with io.open(os.path.join(dpkg, "status"), encoding="utf-8", errors="replace") as file:
        for entry in file.read().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " ")
            if fields.get("Package") == owner:
                return fields.get("Version")
    return None
