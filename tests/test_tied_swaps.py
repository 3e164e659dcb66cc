"""The swaps in the vote: a head made by hand, with one matrix for queries and keys, gives the predicted answers."""

import torch

from experiments import tied_swaps
from experiments.tied_projections import FIELDS, OneHead

N_SETS = 300


def test_no_name_stays_on_its_token_and_each_majority_is_right():
    first, second = tied_swaps.two_sets(N_SETS, torch.Generator().manual_seed(1))
    names = [tokens[..., FIELDS["name"]].argmax(-1) for tokens, _ in (first, second)]
    assert (names[0] != names[1]).all()
    assert torch.equal(names[0].sort().values, names[1].sort().values)
    for (tokens, answers), of_set in zip((first, second), names, strict=True):
        payloads = tokens[..., FIELDS["payload"]].argmax(-1)
        for b in range(7):
            for i in range(9):
                carried = payloads[b][of_set[b] == of_set[b, i]]
                assert carried.mode().values == answers[b, i]


def test_a_head_made_by_hand_answers_as_each_swap_predicts():
    model = OneHead("Q = K", 17)  # nine channels for the name, eight for the payload
    with torch.no_grad():
        for matrix in (*(m.weight for m in model.maps), model.read.weight, model.read.bias):
            matrix.zero_()
        model.maps[0].weight[:9, FIELDS["name"]] = 9 * torch.eye(9)
        model.maps[1].weight[9:, FIELDS["payload"]] = torch.eye(8)
        model.read.weight[:, 9:] = torch.eye(8)
    first, second = tied_swaps.two_sets(N_SETS, torch.Generator().manual_seed(2))
    for part, rates in tied_swaps.swaps(model, first, second).items():
        assert rates["moved"] == 1, part
        assert 0.08 < rates["stayed"] < 0.18, part  # two majorities that agree by chance: one in eight
