"""Where a token stands: added to its embedding, turned into its queries and keys, or put on the scores as a bias."""

from mha.positions.alibi import alibi_bias, alibi_slopes
from mha.positions.learned import LearnedPositions, real_positions
from mha.positions.relative_bias import RelativeBias, relative_buckets
from mha.positions.rotary import Rotary
from mha.positions.sinusoidal import SinusoidalPositions, sinusoidal_positions

__all__ = [
    "LearnedPositions",
    "RelativeBias",
    "Rotary",
    "SinusoidalPositions",
    "alibi_bias",
    "alibi_slopes",
    "real_positions",
    "relative_buckets",
    "sinusoidal_positions",
]
