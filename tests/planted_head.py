"""A model built by hand, in which it is known which head does it and which token the output depends on."""

import torch
from torch import nn

from mha.heads import MultiHeadAttention

D_MODEL, N_HEADS, HEAD_DIM = 13, 5, 3
N_SEEDS, N_TOKENS, LENGTH = 20, 23, 7
ASKS, MARKED, PAYLOAD, WRITTEN, FREE = 0, 1, 2, 3, 4  # what the channels of the stream mean; the rest is noise


class PlantedHead(nn.Module):
    """The first token asks, one head looks for the mark, and what is written is the marked token's payload.

    All other heads look wherever chance has it, and write into channels that nobody reads. With `idle`, so does the
    planted one, and the output is the sum of all counted payloads, past all heads.
    """

    def __init__(self, seed, *, n_tokens, idle=False):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.head, self.idle = int(torch.randint(N_HEADS, (), generator=generator)), idle
        table = torch.randn(n_tokens, D_MODEL, generator=generator, dtype=torch.float64)
        table[:, [ASKS, MARKED, WRITTEN]] = 0
        table[0], table[1, MARKED] = 0, 1
        table[0, ASKS] = 1
        self.embeddings = nn.Embedding.from_pretrained(table)
        self.attn = MultiHeadAttention(D_MODEL, N_HEADS, head_dim=HEAD_DIM, bias=False, scale=1.0).double()
        q, k, v = (torch.randn(N_HEADS, HEAD_DIM, D_MODEL, generator=generator) for _ in range(3))
        out = torch.randn(N_HEADS, HEAD_DIM, D_MODEL, generator=generator)
        out[..., :FREE] = 0
        k[..., :FREE] = 0
        if not idle:
            for part in (q, k, v, out):
                part[self.head] = 0
            q[self.head, 0, ASKS] = k[self.head, 0, MARKED] = 10 / 3**0.5
            v[self.head, 1, PAYLOAD] = out[self.head, 1, WRITTEN] = 1
        with torch.no_grad():
            self.attn.qkv.weight.copy_(torch.cat([part.flatten(0, 1) for part in (q, k, v)]))
            self.attn.out.weight.copy_(out.flatten(0, 1).T)

    def forward(self, token_ids, key_mask=None, counted=None):
        x = self.embeddings(token_ids)
        if self.idle:
            everything = torch.ones_like(token_ids, dtype=torch.bool)
            self.attn(x, key_mask=key_mask)
            return (x[..., PAYLOAD] * (everything if counted is None else counted)).sum(1)
        return self.attn(x, key_mask=key_mask)[:, 0, WRITTEN]

    def payloads(self, token_ids):
        return self.embeddings(token_ids)[..., PAYLOAD]


def marked_text(seed, n=1):
    """The asking token, then others, of which one is marked; (n, i), and where the mark is (n,)."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, N_TOKENS, (n, LENGTH), generator=generator)
    places = torch.randint(1, LENGTH, (n,), generator=generator)
    ids[:, 0] = 0
    return ids.scatter(1, places[:, None], 1), places
