"""Does TensorFlow 1's log tell for which instruction set it was compiled?"""

import pytest

from workloads.backends.tensorflow1_log import compiled_isa

OLD = "W cpu_feature_guard.cc:45] The TensorFlow library wasn't compiled to use {} instructions, but ..."
NEW = (
    "I cpu_feature_guard.cc:142] Your CPU supports instructions that this TensorFlow binary was not compiled to use: {}"
)


@pytest.mark.parametrize(
    ("log", "isa"),
    [
        (NEW.format("AVX2 AVX512F FMA"), "AVX"),
        (NEW.format("AVX512F"), "AVX2"),
        ("\n".join(OLD.format(word) for word in ("SSE4.1", "SSE4.2", "AVX", "AVX2", "FMA")), "SSE3"),
        (NEW.format("FMA"), None),
        ("I cpu_utils.cc:94] CPU Frequency: 2300000000 Hz", None),
        ("", None),
    ],
)
def test_the_narrowest_set_that_is_missing_lies_above_the_one_it_was_compiled_for(log: str, isa: str | None) -> None:
    assert compiled_isa(log) == isa
