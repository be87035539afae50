"""Does an error say what to try?"""

from __future__ import annotations

import pytest

from orchestrator.errors import UnknownNameError

KNOWN = ("numpy-1.24.2-distro-mkl-cpu", "numpy-2.4.6-pip-openblas-cpu", "chainer-7.8.1-pip-openblas-cpu", "vgg16")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("numpy", "2 hold that word (numpy-1.24.2-distro-mkl-cpu, numpy-2.4.6-pip-openblas-cpu)"),
        ("numpy", "'*numpy*' in quotes names them all"),
        ("OpenBLAS", "2 hold that word (chainer-7.8.1-pip-openblas-cpu, numpy-2.4.6-pip-openblas-cpu)"),
        ("mkl", "did you mean 'numpy-1.24.2-distro-mkl-cpu'?"),
        ("numpy-2.4.6-pip-openblas-gpu", "did you mean 'numpy-2.4.6-pip-openblas-cpu'?"),
        ("vgg61", "did you mean 'vgg16'?"),
        ("zzz", "known: chainer-7.8.1-pip-openblas-cpu, numpy-1.24.2"),
        ("", "known: "),
    ],
)
def test_an_unknown_name_is_met_with_what_may_have_been_meant(name: str, hint: str) -> None:
    assert hint in str(UnknownNameError("variant", name, KNOWN))
