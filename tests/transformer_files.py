"""Which networks are transformers? As network_files.py, whose list they are part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Dict = dict[str, Any]

WIDTH, HEADS, INNER = 768, 12, 3072
"""Of BERT base and of GPT-2 small."""

INITIAL = 0.02
"""Standard deviation of BERT's tables before training: with it the first norm's epsilon, 1e-12, is seen."""

HEADED, JOINED, OUTER = {"q": 2.0, "k": 2.0, "v": 1.0}, 0.15, 0.3
"""Gains of the products for queries, keys and values, of the one that joins the heads and of the second forward one.
Seeded heads that take nearly the mean of all tokens make every token the same within a few layers (Dong et al., arXiv
2103.03404), and then no mask, scale or order of heads could be told from another."""


class Layers:
    """A chain of operators; tokens are rows, [batch * length, width], but where heads attend. Methods as Writer's."""

    def __init__(self, width: int, heads: int, inner: int, epsilon: float) -> None:
        self.nodes: list[Dict] = []
        self.width, self.heads, self.inner = width, heads, inner
        self.epsilon = epsilon

    def add(self, name: str, op: str, inputs: Sequence[str], **rest: Any) -> str:
        self.nodes.append({"name": name, "op": op, "inputs": list(inputs), **rest})
        return name

    def rows(self, name: str, indexes: str, length: int) -> str:
        weights = {"data": [length, self.width]}
        return self.add(name, "Gather", [indexes], weights=weights, attrs={"axis": 0}, gain=INITIAL)

    def gemm(self, name: str, x: str, depth: int, out: int, gain: float = 1.0) -> str:
        weights, rest = {"B": [out, depth], "C": [out]}, {} if gain == 1 else {"gain": gain}
        return self.add(name, "Gemm", [x], weights=weights, attrs={"transB": 1}, **rest)

    def norm(self, name: str, x: str) -> str:
        weights = {"scale": [self.width], "B": [self.width]}
        return self.add(name, "LayerNormalization", [x], weights=weights, attrs={"axis": -1, "epsilon": self.epsilon})

    def reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        return self.add(name, "Reshape", [x], attrs={"shape": list(shape)})

    def transpose(self, name: str, x: str, perm: Sequence[int]) -> str:
        return self.add(name, "Transpose", [x], attrs={"perm": list(perm)})

    def of_heads(self, name: str, x: str, length: int, gain: float, made: str = "") -> str:
        """A product with the rows, as [batch, heads, length, width / heads]; called `made`."""
        y = self.gemm(name, x, self.width, self.width, gain)
        y = self.reshape(f"{name}_rows", y, [-1, length, self.heads, self.width // self.heads])
        return self.transpose(made or f"{name}_heads", y, [0, 2, 1, 3])

    def attend(self, name: str, q: str, k: str, v: str, *, causal: bool = False) -> str:
        """What the heads see, as rows, through the product that joins them."""
        y = self.add(f"{name}_attention", "Attention", [q, k, v], attrs={"is_causal": int(causal)})
        y = self.reshape(f"{name}_joined", self.transpose(f"{name}_turned", y, [0, 2, 1, 3]), [-1, self.width])
        return self.gemm(f"{name}_out", y, self.width, self.width, JOINED)

    def forward(self, name: str, x: str, approximate: str) -> str:
        y = self.gemm(f"{name}_inner", x, self.width, self.inner)
        y = self.add(f"{name}_gelu", "Gelu", [y], attrs={"approximate": approximate})
        return self.gemm(f"{name}_outer", y, self.inner, self.width, OUTER)

    def bert_layer(self, name: str, x: str, length: int) -> str:
        """Norms behind the sums."""
        q, k, v = (self.of_heads(f"{name}_{key}", x, length, gain) for key, gain in HEADED.items())
        x = self.norm(f"{name}_norm1", self.add(f"{name}_sum1", "Add", [x, self.attend(name, q, k, v)]))
        return self.norm(f"{name}_norm2", self.add(f"{name}_sum2", "Add", [x, self.forward(name, x, "none")]))

    def gpt_block(self, number: int, x: str, length: int, *, cached: bool) -> str:
        """Norms before the branches; with a cache the keys and values of `length` new tokens follow those in it."""
        name = f"block{number}"
        y = self.norm(f"{name}_norm1", x)
        q = self.of_heads(f"{name}_q", y, length, HEADED["q"])
        k, v = (self.of_heads(f"{name}_{key}", y, length, HEADED[key], f"{key}{number}") for key in "kv")
        if cached:
            k, v = (self.add(f"{name}_{new[0]}s", "Concat", [f"past_{new}", new], attrs={"axis": 2}) for new in (k, v))
        x = self.add(f"{name}_sum1", "Add", [x, self.attend(name, q, k, v, causal=not cached)])
        y = self.forward(name, self.norm(f"{name}_norm2", x), "tanh")
        return self.add(f"{name}_sum2", "Add", [x, y])


def bert(*, layers: int, width: int, heads: int, inner: int, vocabulary: int, positions: int, length: int) -> Dict:
    """Everything but title, source and parameters."""
    net = Layers(width, heads, inner, 1e-12)
    x = net.add("sum_types", "Add", [net.rows("words", "tokens", vocabulary), net.rows("types", "token_types", 2)])
    x = net.add("sum_positions", "Add", [x, net.rows("places", "positions", positions)])
    x = net.norm("norm", net.reshape("embedded", x, [-1, width]))
    for layer in range(1, layers + 1):
        x = net.bert_layer(f"layer{layer}", x, length)
    x = net.reshape("hidden", x, [-1, length, width])
    x = net.add("first", "Slice", [x], attrs={"axes": [1], "starts": [0], "ends": [1]})
    x = net.gemm("pooler", net.add("pooler_in", "Flatten", [x], attrs={"axis": 1}), width, width)
    net.add("pooled", "Tanh", [x])
    return {
        "inputs": {name: [1, length] for name in ("tokens", "token_types", "positions")},
        "integers": {"tokens": [0, vocabulary], "token_types": [0, 2], "positions": [0, positions]},
        "outputs": ["hidden", "pooled"],
        "compared": "pooled",
        "batched": True,
        "nodes": net.nodes,
    }


def gpt(*, blocks: int, width: int, heads: int, inner: int, length: int, past: int) -> Dict:
    """`length` new tokens behind `past` ones, whose keys and values are inputs."""
    net = Layers(width, heads, inner, 1e-5)
    inputs = {"embedded": [1, length, width]}
    outputs = ["hidden"]
    x = net.reshape("rows", "embedded", [-1, width])
    for number in range(1, blocks + 1):
        if past:
            inputs |= {f"past_{key}{number}": [1, heads, past, width // heads] for key in "kv"}
            outputs += [f"{key}{number}" for key in "kv"]
        x = net.gpt_block(number, x, length, cached=past > 0)
    net.reshape("hidden", x, [-1, length, width])
    return {"inputs": inputs, "outputs": outputs, "compared": "hidden", "batched": True, "nodes": net.nodes}


def described(made: Dict, title: str, source: str, parameters: int) -> Dict:
    """In the order of the other files."""
    return {
        "title": title,
        "source": source,
        **{key: made[key] for key in ("inputs", "integers", "outputs", "compared", "batched") if key in made},
        "parameters": parameters,
        "nodes": made["nodes"],
    }


def bert_base() -> Dict:
    source = (
        "Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, NAACL 2019 "
        "(arXiv 1810.04805), BERT base; `parameters` are those of `bert-base-uncased` in Hugging Face's Transformers, "
        "with the pooler and without a head. 128 tokens, none of them masked; the Gelu is exact, as there. The "
        "positions are an input, as in its signature, and drawn as the tokens are: a row is a row. Dropout is the "
        "identity at inference."
    )
    made = bert(layers=12, width=WIDTH, heads=HEADS, inner=INNER, vocabulary=30_522, positions=512, length=128)
    return described(made, "BERT base, 128 tokens", source, 109_482_240)


GPT = (
    "Radford et al., Language Models are Unsupervised Multitask Learners, 2019: GPT-2 small, norms before the "
    "branches, the Gelu by tanh. Two of its twelve blocks, which are alike: two are the fewest in which one reads "
    "what another wrote, and each has 7,087,872 parameters, as in Hugging Face's Transformers, whose one product for "
    "queries, keys and values is three here. Without the tables and the last norm. Dropout is the identity at "
    "inference."
)


def gpt_prefill() -> Dict:
    made = gpt(blocks=2, width=WIDTH, heads=HEADS, inner=INNER, length=128, past=0)
    return described(made, "GPT-2 small, two blocks, a prompt of 128 tokens", GPT, 2 * 7_087_872)


def gpt_decode() -> Dict:
    made = gpt(blocks=2, width=WIDTH, heads=HEADS, inner=INNER, length=1, past=1023)
    source = f"{GPT} The last token of its context of 1024, whose keys and values are joined to those of the others."
    return described(made, "GPT-2 small, two blocks, a token behind 1023", source, 2 * 7_087_872)


NETWORKS: dict[str, Callable[[], Dict]] = {
    "bert_base": bert_base,
    "gpt_decode": gpt_decode,
    "gpt_prefill": gpt_prefill,
}
