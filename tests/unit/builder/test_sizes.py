"""Is the size of a layer taken from the instruction that made it?"""

from __future__ import annotations

from orchestrator.builder.sizes import match_layers

# As an engine answers: newest first, one entry per instruction.
HISTORY = [
    {"CreatedBy": 'CMD ["python3"]', "Size": 0},
    {"CreatedBy": "USER 65534:65534", "Size": 0},
    {"CreatedBy": "RUN /bin/bash -e -o pipefail -c python3 -m pip check # buildkit", "Size": 0},
    {"CreatedBy": "RUN /bin/bash -e -o pipefail -c python3 -m pip install # buildkit", "Size": 70},
    {"CreatedBy": "SHELL [/bin/bash -e -o pipefail -c]", "Size": 0},
    {"CreatedBy": "COPY py /usr/local # buildkit", "Size": 50},
    {"CreatedBy": "", "Comment": "Imported from -", "Size": 80},
]


def test_layers_are_matched_with_the_instructions_that_made_them_oldest_first() -> None:
    assert match_layers(["a", "b", "c", "d"], HISTORY) == {"a": 80, "b": 50, "c": 70, "d": 0}


def test_where_the_history_does_not_tell_nothing_is_guessed() -> None:
    assert match_layers(["a", "b", "c"], HISTORY) is None
