"""On paper: what each rank holds and sends in a training step, by the sizes of a GPT and the ways it is divided.

Three ways at once, as in a cluster: some ranks share the heads, some share each sequence, some share the batch. All
that have the same weights may also share what is kept of them. Counted are the tensors that the mathematics asks for,
in bytes; what an allocator or a library takes besides is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from mha.models.gpt import GPTConfig
from mha.parallel.traffic import bytes_sent
from mha.validation import check_choice, check_integer

__all__ = ["PRECISIONS", "SEVEN_BILLION", "SHARDINGS", "Plan", "memory", "operations", "parameters", "traffic"]

# GPT-3 6.7B of Brown et al. 2020, table 2.1.
SEVEN_BILLION = GPTConfig(vocab_size=50257, d_model=4096, n_layers=32, n_heads=32, d_ff=16384, max_len=2048)

SHARDINGS = ("copies", "optimizer", "gradients", "weights")  # what is divided; each divides what the one before it does
PRECISIONS = ("mixed", "float32")


@dataclass(frozen=True)
class _Bytes:
    """Of one number: as weight, as gradient, what AdamW keeps of it, as activation."""

    weight: int
    gradient: int
    optimizer: int
    activation: int


# Mixed: 16 bits but for AdamW, which keeps the weight itself and two moments in 32 (Rajbhandari et al. 2020, 3.1).
BYTES = {"mixed": _Bytes(2, 2, 12, 2), "float32": _Bytes(4, 4, 8, 4)}
SUM_BYTES = 4  # gradients that go round the ring are summed in 32 bits


@dataclass(frozen=True)
class Plan:
    """How a training step is divided.

    Args:
        batch: sequences in a step, over all ranks.  length: tokens of each.
        data: ranks among which the batch is divided.  heads: ranks that share the heads and channels of each layer.
        sequence: ranks in a ring.  There are data · heads · sequence ranks in all.
        sharding: what those with the same weights divide among them: nothing ("copies"), what the optimizer keeps
            (ZeRO, stage 1), the gradients too (2), the weights too (3, as `fully_shard` does).
        precision: "mixed", 16 bits with 32 for the optimizer, or "float32".
        recomputes: whether a block keeps its input alone and is computed again in the backward pass.
    Raises:
        TypeError: a number of ranks, sequences or tokens that is no integer.
        ValueError: one below 1, or sharding or precision is none of those.
    """

    batch: int = 1
    length: int = 2048
    data: int = 1
    heads: int = 1
    sequence: int = 1
    sharding: str = "copies"
    precision: str = "mixed"
    recomputes: bool = False

    def __post_init__(self) -> None:
        for name in ("batch", "length", "data", "heads", "sequence"):
            check_integer(name, getattr(self, name), at_least=1)
        check_choice("sharding", self.sharding, SHARDINGS)
        check_choice("precision", self.precision, PRECISIONS)

    @property
    def ranks(self) -> int:
        """How many in all."""
        return self.data * self.heads * self.sequence

    @property
    def replicas(self) -> int:
        """How many have the same weights."""
        return self.data * self.sequence

    def check(self, config: GPTConfig) -> None:
        """Raises ValueError where something is to be divided that does not divide."""
        wanted = [("batch", self.batch, "data", self.data), ("length", self.length, "sequence", self.sequence)]
        wanted += [(name, getattr(config, name), "heads", self.heads) for name in ("n_heads", "d_ff")]
        for what, size, name, n_ranks in wanted:
            if size % n_ranks:
                raise ValueError(f"{what} ({size}) must be divisible by the ranks of {name} ({n_ranks})")


def parameters(config: GPTConfig) -> dict[str, int]:
    """How many numbers a GPT's parameters have.

    Returns:
        "cut", of one block: what is divided with the heads.  "whole", of one block: what is not, norms and the biases
        of what is summed.  "outside": embeddings and the last norm.  "all": of all blocks, and outside.
    """
    m, f = config.d_model, config.d_ff
    cut = 4 * m * m + 3 * m + 2 * m * f + f  # q, k, v with biases, out; up with biases, down
    whole = 2 * m + 4 * m  # biases of out and down; two norms
    outside = (config.vocab_size + config.max_len) * m + 2 * m
    return {"cut": cut, "whole": whole, "outside": outside, "all": config.n_layers * (cut + whole) + outside}


def memory(config: GPTConfig, plan: Plan) -> dict[str, float]:
    """Bytes on each rank when the backward pass begins, which is when most is held.

    Returns:
        "weights" (where they are divided, with one block's and those outside the blocks put together again, as
        `fully_shard` leaves them), "gradients", "optimizer", "activations".
    Raises:
        ValueError: something does not divide; see `Plan`.
    """
    plan.check(config)
    n_bytes, (block, held) = BYTES[plan.precision], _held(config, plan)
    stage = SHARDINGS.index(plan.sharding)
    shares = [1.0 if stage < needed else 1 / plan.replicas for needed in (3, 2, 1)]
    gathered = (block + parameters(config)["outside"]) * n_bytes.weight * (1 - shares[0])
    return {
        "weights": held * n_bytes.weight * shares[0] + gathered,
        "gradients": held * n_bytes.gradient * shares[1],
        "optimizer": held * n_bytes.optimizer * shares[2],
        "activations": _activations(config, plan) * n_bytes.activation,
    }


def _held(config: GPTConfig, plan: Plan) -> tuple[float, float]:
    """Parameters of one block, and all, on a rank that divides none among replicas."""
    numbers = parameters(config)
    block = numbers["cut"] / plan.heads + numbers["whole"]
    return block, config.n_layers * block + numbers["outside"]


def _activations(config: GPTConfig, plan: Plan) -> float:
    """Numbers that the blocks keep for the backward pass, with an attention that does not store its weights.

    What Korthikanti et al. 2022 count in their equation 2, without dropout and without the weights of attention: of
    each token the inputs of the two norms and what these return, which is not divided with the heads; q, k, v and the
    heads' outputs; the channels before and behind the activation.
    """
    m, f = config.d_model, config.d_ff
    block = 4 * m + (4 * m + 2 * f) / plan.heads
    kept = config.n_layers * m + block if plan.recomputes else config.n_layers * block
    return _tokens(plan) * kept


def _tokens(plan: Plan) -> float:
    """How many a rank has in a step."""
    return plan.batch * plan.length / plan.replicas


def traffic(config: GPTConfig, plan: Plan) -> dict[str, float]:
    """Bytes that each rank sends in a training step, each collective done round a ring; see `traffic.bytes_sent`.

    Returns:
        "batch": what keeps the replicas' weights alike.  "heads": sums of what the layers return, and of the gradients
        of what they take, 4 for each block, 6 if it is computed twice (Shoeybi et al. 2019).  "sequence": keys and
        values round the ring, and once more with their gradients.
    Raises:
        ValueError: something does not divide; see `Plan`.
    """
    plan.check(config)
    item, passes = BYTES[plan.precision].activation, 2 if plan.recomputes else 1  # of the forward pass
    stream = _tokens(plan) * config.d_model
    sums = 2 * (passes + 1) * bytes_sent("all-reduce", stream * item, plan.heads)
    pair, steps = 2 * stream / plan.heads, plan.sequence - 1
    ring = steps * (passes + 1) * pair * item + (plan.sequence if steps else 0) * pair * SUM_BYTES
    return {"batch": _kept_alike(config, plan), "heads": config.n_layers * sums, "sequence": config.n_layers * ring}


def _kept_alike(config: GPTConfig, plan: Plan) -> float:
    """Gradients summed over the replicas; where weights are divided they are gathered, blocks once more to go back."""
    n_bytes, (block, held) = BYTES[plan.precision], _held(config, plan)
    summed, weights = held * n_bytes.gradient, held * n_bytes.weight
    again = config.n_layers * block * n_bytes.weight
    if plan.sharding == "copies":
        return bytes_sent("all-reduce", summed, plan.replicas)
    scattered = bytes_sent("reduce-scatter", summed, plan.replicas)
    gathered = weights + again if plan.sharding == "weights" else weights
    return scattered + bytes_sent("all-gather", gathered, plan.replicas)


def operations(config: GPTConfig, plan: Plan) -> float:
    """What a rank computes in a training step: matrix products and attention, additions and multiplications.

    Each product takes as many operations again for the gradient of either factor; a causal attention meets half of the
    pairs. The logits are computed on every rank that shares the heads.
    """
    plan.check(config)
    m, tokens = config.d_model, _tokens(plan)
    matrices = 2 * tokens * (4 * m * m + 2 * m * config.d_ff) / plan.heads
    attention = 2 * tokens * plan.length * m / plan.heads  # 4 for each pair and channel, of half of the pairs
    passes = 4 if plan.recomputes else 3
    return config.n_layers * passes * (matrices + attention) + 6 * tokens * config.vocab_size * m
