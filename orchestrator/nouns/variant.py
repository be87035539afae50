"""What is one row of the catalogue, and which claim must a run of it prove?"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from orchestrator.nouns.base import Noun

NAME = r"^[a-z0-9][a-z0-9._]{0,63}$"  # no dash: dashes separate the parts of an identifier
VERSION = r"^[0-9][A-Za-z0-9._+]{0,31}$"


class Install(StrEnum):
    """Where the framework comes from."""

    PIP = "pip"
    DISTRO = "distro"
    SOURCE = "source"


class Blas(StrEnum):
    """The library that a framework's matrix products are claimed to run in."""

    REFERENCE = "reference"
    ATLAS = "atlas"
    OPENBLAS = "openblas"
    BLIS = "blis"
    MKL = "mkl"
    EIGEN = "eigen"  # compiled into TensorFlow: no shared library carries it
    XLA = "xla"  # compiled into jaxlib: Eigen or YNNPACK, as the compiler chooses for each product
    MLAS = "mlas"  # compiled into ONNX Runtime
    ONEDNN = "onednn"  # compiled into OpenVINO's CPU plug-in


class Device(StrEnum):
    """What the framework computes on."""

    CPU = "cpu"
    CUDA = "cuda"


class OneDnn(StrEnum):
    """Whether oneDNN may take the convolutions away from the BLAS."""

    ON = "on"
    OFF = "off"
    ABSENT = "absent"


class Source(Noun):
    """How a source build is made: one requirement, compiled in a stage of its own, against one BLAS."""

    requirement: str
    """The sdist, pinned: `numpy==2.4.6`."""
    build_apt: tuple[str, ...] = ()
    build_pip: tuple[str, ...] = ()
    """Hash-pinned wheels that the compile needs (`mkl-devel`, ...); locked together with the row's own."""
    setup_args: tuple[str, ...] = ()
    """Meson options without their dashes: `blas=openblas`."""
    expect_linked: str = ""
    """Part of the name of a shared library that the compiled modules must be linked to, or the build fails."""


class Variant(Noun):
    """One build of one framework: what it is made of, and what its label claims."""

    framework: str = Field(pattern=NAME)
    version: str = Field(pattern=VERSION)
    install: Install
    blas: Blas
    device: Device = Device.CPU
    tag: str = Field(default="", pattern=r"^$|^[a-z0-9][a-z0-9._-]{0,31}$")
    """What else tells this row from its neighbours (`onednn-off`, `coretype-haswell`)."""
    python: str = Field(pattern=r"^3\.[0-9]{1,2}$")
    base: str
    backend: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pip: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    blas_apt: tuple[str, ...] = ()
    """Debian's packages of exactly one BLAS provider; installed before `apt`, in a layer of its own."""
    blas_alternative: str = ""
    """Path that `libblas.so.3` and `liblapack.so.3` must resolve to, where the packages themselves do not see to it."""
    components: tuple[str, ...] = ("main",)
    source: Source | None = None
    env: dict[str, str] = Field(default_factory=dict)
    """Set when a trial runs, not in the image: rows that differ in nothing else share one image."""
    onednn: OneDnn = OneDnn.ABSENT
    core: str = ""
    """The kernel that `env` forces the BLAS to choose, as that BLAS names it; empty where it detects the CPU itself."""
    cpu_flags: tuple[str, ...] = ()
    """Flags of /proc/cpuinfo without which this row would die of an illegal instruction."""
    modes: tuple[str, ...] = ("default",)
    """Execution modes of the backend; the first is the one that runs when nobody asks."""
    why: str = ""
    """A sentence or two: the claim, the pins, the traps."""

    @property
    def id(self) -> str:
        """Names this row everywhere: `numpy-1.24.2-distro-blis-skx-cpu`."""
        parts = [self.framework, self.version, self.install, self.blas, self.tag, self.device]
        return "-".join(str(part) for part in parts if part)


class Absent(Noun):
    """A combination that does not exist, and why: shown, never silently missing."""

    framework: str
    version: str = ""
    install: str = ""
    blas: str = ""
    device: str = ""
    python: str = ""
    reason: str

    @property
    def label(self) -> str:
        """The combination in the order of an identifier, with `*` for what the reason does not depend on."""
        return "-".join(
            [self.framework, self.version or "*", self.install or "*", self.blas or "*", self.device or "*"]
        )
