"""Students and the losses that teach them: by hand, against torch's own, and what they refuse."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from mha.compress.distillation import (
    attention_loss,
    contrastive_loss,
    hidden_loss,
    read_signals,
    soft_target_loss,
    teacher_signals,
    vector_loss,
)
from mha.compress.students import drawn_student, kept_layers, spread_layers
from mha.models.bert import Encoder, EncoderConfig
from mha.tasks.retrieval import mean_vectors

CONFIG = EncoderConfig(vocab_size=31, d_model=12, n_layers=6, n_heads=3, d_ff=20, max_len=11, dropout=0.5)
BATCH, LENGTH = 5, 7
LOSSES = [soft_target_loss, vector_loss]


@pytest.fixture
def teacher() -> Encoder:
    torch.manual_seed(0)
    return Encoder(CONFIG).eval()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    key_mask = torch.arange(LENGTH) < torch.tensor([7, 2, 4, 7, 1])[:, None]
    return torch.randint(1, 31, (BATCH, LENGTH), generator=generator), key_mask


# ---- students


@pytest.mark.parametrize(
    ("n_teacher", "n_student", "layers"),
    [
        (6, 3, (1, 3, 5)),
        (6, 6, (0, 1, 2, 3, 4, 5)),
        (6, 2, (2, 5)),
        (12, 4, (2, 5, 8, 11)),
        (5, 2, (1, 4)),
        (6, 1, (5,)),
    ],
)
def test_layers_are_spread_and_end_with_the_last(n_teacher, n_student, layers):
    assert spread_layers(n_teacher, n_student) == layers


def test_a_student_of_all_layers_is_the_teacher_and_its_own(teacher):
    ids, key_mask = batch()
    before = teacher(ids, key_mask=key_mask)
    student = kept_layers(teacher, range(6))
    torch.testing.assert_close(student(ids, key_mask=key_mask), before, rtol=0, atol=0)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.fill_(0.1)
    torch.testing.assert_close(teacher(ids, key_mask=key_mask), before, rtol=0, atol=0)


def test_a_student_runs_the_layers_it_keeps_in_their_order(teacher):
    ids, key_mask = batch()
    student = kept_layers(teacher, (4, 1))
    x = teacher.embeddings(ids, key_mask=key_mask)
    for number in (4, 1):
        x = teacher.blocks[number](x, key_mask=key_mask)
    torch.testing.assert_close(student(ids, key_mask=key_mask), x, rtol=0, atol=0)
    assert (student.config.n_layers, student.training, student.config.dropout) == (2, False, 0.5)
    truncated = kept_layers(teacher, range(2)).hidden_states(ids, key_mask=key_mask)
    torch.testing.assert_close(truncated, teacher.hidden_states(ids, key_mask=key_mask)[:3], rtol=0, atol=0)


def test_a_drawn_student_is_narrower_with_as_many_heads(teacher):
    torch.manual_seed(3)
    student = drawn_student(teacher, n_layers=2, narrower=4)
    assert (student.config.d_model, student.config.d_ff, student.config.n_heads, len(student.blocks)) == (3, 5, 3, 2)
    torch.manual_seed(3)
    torch.testing.assert_close(drawn_student(teacher, n_layers=2, narrower=4).state_dict(), student.state_dict())
    assert not torch.equal(drawn_student(teacher, n_layers=2).blocks[0].ffn.up.weight, teacher.blocks[0].ffn.up.weight)


def test_students_that_cannot_be_made_are_refused(teacher):
    with pytest.raises(ValueError, match=r"n_student \(7\) must be between 1 and 6"):
        spread_layers(6, 7)
    with pytest.raises(ValueError, match=r"layers\[1\] \(6\) must be between 0 and 5"):
        kept_layers(teacher, (0, 6))
    with pytest.raises(ValueError, match=r"n_layers \(0\)"):
        kept_layers(teacher, ())
    with pytest.raises(ValueError, match=r"narrower \(3\) must divide head_dim \(4\) and d_ff \(20\)"):
        drawn_student(teacher, n_layers=2, narrower=3)
    with pytest.raises(TypeError, match="teacher must be"):
        kept_layers(None, (0,))


# ---- what is compared


def test_signals_are_the_states_and_the_maps_of_every_layer(teacher):
    ids, key_mask = batch()
    states, maps = teacher_signals(teacher, ids, key_mask=key_mask)
    torch.testing.assert_close(list(states), teacher.hidden_states(ids, key_mask=key_mask))
    assert [tuple(weights.shape) for weights in maps] == [(BATCH, 3, LENGTH, LENGTH)] * 6
    assert not any(x.requires_grad for x in (*states, *maps))
    student = read_signals(teacher, ids, key_mask=key_mask)
    assert all(x.requires_grad for x in (*student.states, *student.maps))


def test_a_teacher_in_training_mode_is_refused(teacher):
    ids, key_mask = batch()
    teacher.blocks[2].dropout.train()
    with pytest.raises(ValueError, match=r"evaluation mode, got one in training mode: call teacher.eval\(\)"):
        teacher_signals(teacher, ids, key_mask=key_mask)


# ---- losses


def test_the_contrastive_loss_by_hand():
    queries, documents = F.normalize(torch.randn(2, BATCH, 3, dtype=torch.float64), dim=-1)
    expected = 0.0
    for n in range(BATCH):
        right = math.exp(7 * float(queries[n] @ documents[n]))
        expected -= math.log(right / sum(math.exp(7 * float(queries[n] @ d)) for d in documents)) / BATCH
    assert float(contrastive_loss(queries, documents, scale=7.0)) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="a batch of one has no wrong document"):
        contrastive_loss(queries[:1], documents[:1])


def test_the_soft_target_loss_by_hand_and_its_gradient_at_high_temperature():
    student = torch.tensor([[0.3, -1.0, 2.0], [1.0, 0.0, 0.5]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[1.3, 0.2, 1.0], [0.1, -0.4, 2.5]], dtype=torch.float64)
    t, s = (teacher / 3).softmax(-1), (student / 3).softmax(-1)
    pairs = zip(t.flatten().tolist(), s.flatten().tolist(), strict=True)
    expected = 9 * sum(p * math.log(p / q) for p, q in pairs) / 2
    assert soft_target_loss(student, teacher, temperature=3.0).item() == pytest.approx(expected, rel=1e-12)
    (gradient,) = torch.autograd.grad(soft_target_loss(student, teacher, temperature=1e4), student)
    centred = [x - x.mean(-1, keepdim=True) for x in (student.detach(), teacher)]
    torch.testing.assert_close(gradient, (centred[0] - centred[1]) / 3 / 2, rtol=1e-3, atol=1e-5)  # Hinton's eq. 4


def test_the_vector_loss_is_twice_what_the_cosine_lacks():
    student, teacher = torch.randn(2, BATCH, 3, dtype=torch.float64)
    expected = 2 * (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()
    torch.testing.assert_close(vector_loss(student, 5 * teacher), expected)


@torch.no_grad()
def test_layered_losses_by_hand_over_real_tokens_alone(teacher):
    ids, key_mask = batch()
    targets = teacher_signals(teacher, ids, key_mask=key_mask)
    student = read_signals(kept_layers(teacher, (1, 3)), ids, key_mask=key_mask)
    at_tokens = [(b, i, int(key_mask[b].sum())) for b in range(BATCH) for i in range(LENGTH) if key_mask[b, i]]
    squared, divergence = 0.0, 0.0
    for guess, target in zip(student.states[1:], targets.states[2:5:2], strict=True):
        squared += sum(float((guess - target)[b, i].square().mean()) for b, i, _ in at_tokens)
    for guess, target in zip(student.maps, targets.maps[1:4:2], strict=True):
        rows = [(target[b, h, i, :real], guess[b, h, i, :real]) for b, i, real in at_tokens for h in range(3)]
        divergence += sum(float((p * (p / q).log()).sum()) for p, q in rows) / 3
    found = hidden_loss(student.states[1:], targets.states[2:5:2], key_mask)
    assert float(found) == pytest.approx(squared / len(at_tokens) / 2, rel=1e-5)
    found = attention_loss(student.maps, targets.maps[1:4:2], key_mask)
    assert float(found) == pytest.approx(divergence / len(at_tokens) / 2, rel=1e-4)


def test_losses_are_zero_for_the_teacher_itself_and_their_gradients_finite(teacher):
    ids, key_mask = batch()
    targets = teacher_signals(teacher, ids, key_mask=key_mask)
    student = read_signals(copy.deepcopy(teacher), ids, key_mask=key_mask)
    vectors = mean_vectors(student.states[-1], key_mask), mean_vectors(targets.states[-1], key_mask)
    losses = [
        vector_loss(*vectors),
        soft_target_loss(20 * vectors[0] @ vectors[0].T, 20 * vectors[1] @ vectors[1].T, temperature=2.0),
        hidden_loss(student.states, targets.states, key_mask),
        attention_loss(student.maps, targets.maps, key_mask),
    ]
    assert max(abs(loss.item()) for loss in losses) < 1e-6
    (gradient,) = torch.autograd.grad(sum(losses), student.states[0])
    assert gradient.isfinite().all()


def test_padding_changes_no_layered_loss(teacher):
    ids, key_mask = batch()
    student = kept_layers(teacher, (1, 3, 5))

    def losses(ids):
        targets = teacher_signals(teacher, ids, key_mask=key_mask)
        states, maps = read_signals(student, ids, key_mask=key_mask)
        return hidden_loss(states[1:], targets.states[2::2], key_mask), attention_loss(
            maps, targets.maps[1::2], key_mask
        )

    torch.testing.assert_close(losses(ids), losses(ids.masked_fill(~key_mask, 30)))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_target_with_a_gradient_or_another_shape_is_refused(loss):
    x = torch.randn(BATCH, 3)
    with pytest.raises(ValueError, match=r"teacher must carry no gradient.*torch.no_grad"):
        loss(x, x.clone().requires_grad_())
    with pytest.raises(ValueError, match=r"student and teacher must have one shape of 2 axes.*\(5, 3\) and \(5, 2\)"):
        loss(x, x[:, :2])
    with pytest.raises(TypeError, match="teacher must be a tensor, got None"):
        loss(x, None)


@pytest.mark.parametrize(("loss", "shape"), [(hidden_loss, (3,)), (attention_loss, (2, LENGTH, LENGTH))])
def test_layers_that_do_not_match_are_refused(loss, shape):
    _, key_mask = batch()
    x = torch.rand(BATCH, *shape) if len(shape) == 3 else torch.rand(BATCH, LENGTH, *shape)
    with pytest.raises(ValueError, match="as many layers, got 1 and 2"):
        loss([x], [x, x], key_mask)
    with pytest.raises(ValueError, match=r"teacher must carry no gradient"):
        loss([x, x], [x, x.clone().requires_grad_()], key_mask)
    with pytest.raises(ValueError, match=r"student\[1\] and teacher\[1\] must have one shape"):
        loss([x, x], [x, x[:1]], key_mask)
    for wrong in (key_mask.long(), key_mask[:, :1], torch.zeros_like(key_mask)):
        with pytest.raises(ValueError, match=r"key_mask must be bool of shape \(5, 7\) with a real token"):
            loss([x], [x], wrong)


def test_a_temperature_must_be_positive():
    with pytest.raises(ValueError, match=r"temperature \(0.0\) must be above 0"):
        soft_target_loss(torch.randn(2, 3), torch.randn(2, 3), temperature=0.0)
    with pytest.raises(ValueError, match=r"scale \(-1.0\) must be above 0"):
        contrastive_loss(torch.randn(2, 3), torch.randn(2, 3), scale=-1.0)
