"""A padded batch without the work of padding: sequences of like length run together, cut to the longest of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mha.masks import check_key_mask
from mha.validation import check_ids, check_integer

__all__ = ["encode_by_length"]


def encode_by_length(
    encoder: Callable[..., Tensor], token_ids: Tensor, *, key_mask: Tensor, group_size: int = 4
) -> Tensor:
    """What `encoder(token_ids, key_mask=key_mask)` gives at the real tokens, and zeros at padding behind them.

    Args:
        encoder: maps token_ids (b, i) and a key_mask to vectors (b, i, m), each sequence by itself, such as `Encoder`.
        token_ids: (b, i) integers.  key_mask: bool (b, i), True = a real token.
        group_size: how many sequences run together; fewer leave less padding and make more, smaller, matrix products.
    Returns:
        (b, i, m).
    Raises:
        ValueError: key_mask has another shape than token_ids, or group_size is not positive; as the encoder does.
        TypeError: key_mask is not bool.
    """
    check_ids("token_ids", token_ids)
    check_key_mask(key_mask, *token_ids.shape)
    check_integer("group_size", group_size, at_least=1)
    places = torch.arange(1, key_mask.shape[1] + 1, device=key_mask.device)
    ends = (key_mask * places).amax(1)  # (b, i) -> (b,): where the last real token stands
    order = ends.argsort()
    parts = []
    for rows in order.split(group_size):
        length = max(1, int(ends[rows[-1]]))
        part = encoder(token_ids[rows, :length], key_mask=key_mask[rows, :length])  # (group, length, m)
        parts.append(torch.nn.functional.pad(part, (0, 0, 0, token_ids.shape[1] - length)))  # -> (group, i, m)
    return torch.cat(parts)[order.argsort()]
