"""`KVCache`: it gives back what was put in, in order, and refuses what does not fit without writing any of it."""

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mha.cache import KVCache, LatentCache, LayerCaches, RollingCache

B, G, MAX, D = 3, 2, 11, 7


def tokens(length, batch=B, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    k, v = torch.randn(2, batch, G, length, D, generator=generator).to(dtype)
    return k, v


def filled(length=5):
    cache = KVCache(B, G, MAX, D)
    cache.append(*tokens(length, seed=9))
    return cache


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), max_size=6))
def test_pieces_come_back_whole(lengths):
    cache, k_all, v_all = KVCache(B, G, MAX, D), [], []
    for seed, length in enumerate(lengths):
        k, v = tokens(length, seed=seed)
        before = cache.length, cache.keys.clone(), cache.values.clone()
        if cache.length + length > MAX:
            with pytest.raises(
                ValueError, match=rf"k and v hold {length} tokens, got room for {MAX - cache.length} of"
            ):
                cache.append(k, v)
            assert (cache.length, cache.keys.tolist()) == (before[0], before[1].tolist())
            assert torch.equal(cache.values, before[2])
            continue
        k_all.append(k)
        v_all.append(v)
        for got, parts in zip(cache.append(k, v), (k_all, v_all), strict=True):
            assert torch.equal(got, torch.cat(parts, dim=2))
        assert cache.length == sum(part.shape[2] for part in k_all)
        assert torch.equal(cache.keys, torch.cat(k_all, dim=2))
        assert torch.equal(cache.values, torch.cat(v_all, dim=2))


def test_an_empty_cache_holds_nothing():
    cache = KVCache(B, G, MAX, D)
    assert (cache.length, cache.max_len) == (0, MAX)
    assert cache.keys.shape == cache.values.shape == (B, G, 0, D)


def test_what_comes_back_is_a_view_and_what_went_in_is_not_kept():
    cache = KVCache(B, G, MAX, D)
    k, v = tokens(2)
    k_all, v_all = cache.append(k, v)
    address = k_all.data_ptr(), v_all.data_ptr()
    k.zero_()
    assert k_all.abs().min() > 0
    more = cache.append(*tokens(3, seed=1))
    assert (more[0].data_ptr(), more[1].data_ptr()) == address  # allocated once, never moved


@pytest.mark.parametrize(("dtype", "item_bytes"), [(torch.float32, 4), (torch.bfloat16, 2), (torch.float64, 8)])
def test_bytes_are_those_of_keys_and_values(dtype, item_bytes):
    cache = KVCache(B, G, MAX, D, dtype=dtype)
    assert cache.cache_bytes == 2 * B * G * MAX * D * item_bytes
    k, v = cache.append(*tokens(2, dtype=dtype))
    assert k.dtype == v.dtype == dtype
    assert cache.cache_bytes == 2 * B * G * MAX * D * item_bytes


def test_caches_of_all_layers_count_and_reorder_together():
    caches = LayerCaches(KVCache(2, 3, 5, 7) for _ in range(4))
    for n, cache in enumerate(caches):
        cache.append(torch.full((2, 3, 1, 7), float(n)) + torch.arange(2)[:, None, None, None], torch.zeros(2, 3, 1, 7))
    assert caches.cache_bytes == 4 * 2 * 2 * 3 * 5 * 7 * 4
    assert caches.length == 1
    caches.reorder(torch.tensor([1, 0]))
    assert [cache.keys[0, 0, 0, 0].item() for cache in caches] == [1, 2, 3, 4]


def test_truncate_to_the_length_there_is_changes_nothing():
    cache = KVCache(2, 3, 5, 7)
    cache.append(torch.ones(2, 3, 4, 7), torch.ones(2, 3, 4, 7))
    cache.truncate(4)
    assert cache.length == 4


def test_truncate_keeps_the_first_and_the_next_write_over_the_rest():
    cache = filled(5)
    first = cache.keys[:, :, :2].clone()
    cache.truncate(2)
    assert cache.length == 2
    assert torch.equal(cache.keys, first)
    k, v = tokens(3, seed=1)
    k_all, v_all = cache.append(k, v)
    assert torch.equal(k_all, torch.cat([first, k], dim=2))
    assert torch.equal(v_all[:, :, 2:], v)


@pytest.mark.parametrize("length", [-1, 6])
def test_truncate_cannot_lengthen(length):
    with pytest.raises(ValueError, match=rf"length \({length}\) must be between 0 and 5"):
        filled(5).truncate(length)


def test_reset_forgets_everything():
    cache = filled(MAX)
    cache.reset()
    assert cache.length == 0
    k, v = tokens(MAX, seed=1)
    assert torch.equal(cache.append(k, v)[0], k)


@settings(deadline=None)
@given(st.lists(st.integers(0, B - 1), min_size=B, max_size=B))
def test_reorder_lets_sequences_go_on_from_others(index):
    cache = filled(5)
    k, v = cache.keys.clone(), cache.values.clone()
    cache.reorder(torch.tensor(index))
    assert torch.equal(cache.keys, k[index])
    assert torch.equal(cache.values, v[index])
    assert cache.length == 5


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (torch.tensor([0.0, 1.0, 2.0]), TypeError, r"index must be int64 or int32, got torch.float32"),
        (torch.tensor([True, False, True]), TypeError, r"index must be int64 or int32, got torch.bool"),
        (torch.tensor([0, 1]), ValueError, r"index must be \(3,\) on cpu, got \(2,\) on cpu"),
        (
            torch.zeros(B, dtype=torch.int64, device="meta"),
            ValueError,
            r"index must be \(3,\) on cpu, got \(3,\) on meta",
        ),
        (torch.tensor([0, 1, 3]), ValueError, r"index must lie between 0 and 2, got \[0, 1, 3\]"),
        (torch.tensor([0, 1, -1]), ValueError, r"index must lie between 0 and 2, got \[0, 1, -1\]"),
    ],
)
def test_reorder_refuses_what_is_no_index(index, error, message):
    cache = filled(5)
    before = cache.keys.clone()
    with pytest.raises(error, match=message):
        cache.reorder(index)
    assert torch.equal(cache.keys, before)


@pytest.mark.parametrize("which", ["k", "v"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:2], r"must be \(3, 2, i ≥ 1, 7\), got \(2, 2, 2, 7\)"),
        (lambda x: x[:, :1], r"must be \(3, 2, i ≥ 1, 7\), got \(3, 1, 2, 7\)"),
        (lambda x: x[:, :, :0], r"must be \(3, 2, i ≥ 1, 7\), got \(3, 2, 0, 7\)"),
        (lambda x: x[..., :5], r"must be \(3, 2, i ≥ 1, 7\), got \(3, 2, 2, 5\)"),
        (lambda x: x[0], r"must be \(3, 2, i ≥ 1, 7\), got \(2, 2, 7\)"),
        (lambda x: x.double(), r"must be torch.float32 on cpu as the cache is, got torch.float64 on cpu"),
        (lambda x: x.to("meta"), r"must be torch.float32 on cpu as the cache is, got torch.float32 on meta"),
        (
            lambda x: x.clone().requires_grad_(),
            r"requires grad, but a cache is for inference: call under torch.no_grad",
        ),
    ],
)
def test_append_refuses_what_does_not_fit_and_writes_nothing(which, change, message):
    cache = filled(5)
    everything = cache._both.clone()
    k, v = tokens(2)
    with pytest.raises(ValueError, match=f"^{which} {message}"):
        cache.append(change(k) if which == "k" else k, change(v) if which == "v" else v)
    assert cache.length == 5
    assert torch.equal(cache._both, everything)


def test_append_refuses_keys_and_values_of_different_lengths():
    cache = filled(5)
    with pytest.raises(ValueError, match=r"k and v must hold the same tokens, got \(3, 2, 2, 7\) and \(3, 2, 1, 7\)"):
        cache.append(tokens(2)[0], tokens(1)[1])
    assert cache.length == 5


def test_tensors_that_require_grad_are_welcome_without_grad():
    cache = KVCache(B, G, MAX, D)
    k, v = (x.requires_grad_() for x in tokens(2))
    with torch.no_grad():
        k_all, _ = cache.append(k, v)
    assert torch.equal(k_all, k)
    assert not k_all.requires_grad


def test_a_cache_made_during_inference_can_be_written_outside_it():
    with torch.inference_mode():
        cache = KVCache(B, G, MAX, D)
        cache.append(*tokens(2))
    k, v = tokens(3, seed=1)
    assert torch.equal(cache.append(k, v)[0][:, :, 2:], k)


@pytest.mark.parametrize("name", ["batch", "n_kv_heads", "max_len", "head_dim"])
def test_sizes_must_be_positive(name):
    sizes = {"batch": B, "n_kv_heads": G, "max_len": MAX, "head_dim": D, name: 0}
    with pytest.raises(ValueError, match=rf"{name} \(0\) must be at least 1"):
        KVCache(**sizes)


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"max_len": 11.0}, TypeError, r"max_len must be an integer, got 11.0 \(float\)"),
        ({"batch": True}, TypeError, r"batch must be an integer, got True \(bool\)"),
        ({"dtype": torch.int64}, TypeError, r"dtype must be a float one, got torch.int64"),
    ],
)
def test_sizes_must_be_integers_and_numbers_float(sizes, error, message):
    with pytest.raises(error, match=message):
        KVCache(**{"batch": B, "n_kv_heads": G, "max_len": MAX, "head_dim": D} | sizes)


@pytest.mark.parametrize("length", [2.0, True, None])
def test_truncate_refuses_what_is_no_integer(length):
    cache = filled(5)
    with pytest.raises(TypeError, match="length must be an integer"):
        cache.truncate(length)
    assert cache.length == 5


def saved_and_loaded(cache):
    file = io.BytesIO()
    torch.save(cache, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c)), saved_and_loaded])
def test_a_copy_does_what_the_cache_does_and_leaves_it_alone(copied):
    cache = filled(5)
    before = cache._both.clone()
    with torch.inference_mode():
        twin = copied(cache)
    twin.reorder(torch.tensor([1, 1, 0]))
    assert torch.equal(twin.keys, cache.keys[[1, 1, 0]])
    assert torch.equal(twin.values, cache.values[[1, 1, 0]])
    k, v = tokens(2, seed=4)
    k_all, v_all = twin.append(k, v)
    assert torch.equal(k_all[:, :, 5:], k)
    assert torch.equal(v_all[:, :, 5:], v)
    assert torch.equal(cache._both, before)
    assert cache.length == 5


def test_under_autocast_a_cache_keeps_its_dtype_and_elsewhere_refuses_another():
    k, v = tokens(2, dtype=torch.bfloat16)
    cache = KVCache(B, G, MAX, D)
    with torch.autocast("cpu", torch.bfloat16):
        k_all, v_all = cache.append(k, v)
        with pytest.raises(ValueError, match=r"k must be torch.float32 .*, got torch.float64"):
            cache.append(k.double(), v.double())
    assert torch.equal(k_all, k.float())
    assert torch.equal(v_all, v.float())
    with pytest.raises(ValueError, match=r"k must be torch.float32 .*, got torch.bfloat16"):
        cache.append(k, v)


def layers(lengths=(5, 5, 5)):
    return [filled(length) for length in lengths]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_caches_of_layers_work_as_one_in_copies_too(copied):
    caches = copied(LayerCaches(layers()))
    assert (caches.length, len(caches), caches.cache_bytes) == (5, 3, 3 * 2 * B * G * MAX * D * 4)
    keys = caches[2].keys.clone()
    caches.reorder(torch.tensor([2, 2, 1]))
    assert all(torch.equal(cache.keys, keys[[2, 2, 1]]) for cache in caches)
    caches.truncate(3)
    assert [cache.length for cache in caches] == [3, 3, 3]
    caches.reset()
    assert [cache.length for cache in caches] == [0, 0, 0]


def test_caches_of_layers_must_be_several_and_alike():
    one = filled(5)
    cases = (
        ([], r"one for each layer, got 0"),
        ([one, filled(5), one], r"one for each layer, got 3 with one twice"),
        (layers((5, 4)), r"same number of tokens, got \[5, 4\]"),
        ([one, KVCache(B + 1, G, MAX, D)], r"agree in batch, got \[3, 4\]"),
    )
    for caches, message in cases:
        with pytest.raises(ValueError, match=message):
            LayerCaches(caches)
    with pytest.raises(TypeError, match="caches must be KVCache, got NoneType among them"):
        LayerCaches([one, None])


def test_a_stack_that_stopped_half_way_is_noticed_and_can_be_cut_back():
    caches = LayerCaches(layers())
    caches[0].append(*tokens(2))
    with pytest.raises(ValueError, match=r"same number of tokens, got \[7, 5, 5\]"):
        caches.length  # noqa: B018
    with pytest.raises(ValueError, match=r"length \(6\) must be between 0 and 5"):
        caches.truncate(6)
    assert caches[0].length == 7
    caches.truncate(5)
    assert caches.length == 5


def test_on_meta_a_cache_has_shapes():
    cache = KVCache(B, G, MAX, D, device="meta")
    keys, values = cache.append(*(x.to("meta") for x in tokens(3)))
    cache.reorder(torch.zeros(B, dtype=torch.int64, device="meta"))
    cache.truncate(2)
    assert keys.shape == values.shape == (B, G, 3, D)
    assert cache.keys.shape == (B, G, 2, D)


@torch.no_grad()
def test_a_cache_is_compiled_in_one_graph():
    cache, ours = filled(2), filled(2)
    step = torch.compile(lambda k, v: cache.append(k, v), backend="eager", fullgraph=True)
    for seed in range(3):
        k, v = tokens(1, seed=seed)
        for got, want in zip(step(k, v), ours.append(k, v), strict=True):
            assert torch.equal(got, want)


WINDOW = 4


def rolled(length=6):
    cache = RollingCache(B, G, WINDOW, D)
    cache.append(*tokens(length, seed=9))
    return cache


@settings(deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 6))
def test_a_rolling_cache_gives_what_a_window_can_see(lengths, window):
    cache, k_all, v_all = RollingCache(B, G, window, D), torch.zeros(B, G, 0, D), torch.zeros(B, G, 0, D)
    for seed, length in enumerate(lengths):
        k, v = tokens(length, seed=seed)
        k_all, v_all = torch.cat([k_all, k], dim=2), torch.cat([v_all, v], dim=2)
        seen = min(k_all.shape[2], window - 1 + length)
        got_k, got_v = cache.append(k, v)
        assert torch.equal(got_k, k_all[:, :, k_all.shape[2] - seen :])
        assert torch.equal(got_v, v_all[:, :, v_all.shape[2] - seen :])
        assert cache.length == k_all.shape[2]
        kept = min(cache.length, window - 1)
        assert torch.equal(cache.keys, k_all[:, :, cache.length - kept :])
        assert torch.equal(cache.values, v_all[:, :, cache.length - kept :])


def test_a_rolling_cache_is_as_large_as_its_window_and_reorders():
    cache = rolled()
    assert cache.cache_bytes == 2 * B * G * (WINDOW - 1) * D * 4
    keys = cache.keys.clone()
    cache.reorder(torch.tensor([2, 2, 1]))
    assert torch.equal(cache.keys, keys[[2, 2, 1]])


def test_a_rolling_cache_cannot_go_back_to_what_it_has_forgotten():
    cache = rolled(3)
    cache.truncate(1)  # nothing forgotten yet
    assert (cache.length, cache.keys.shape[2]) == (1, 1)
    cache = rolled(6)
    cache.truncate(6)
    with pytest.raises(ValueError, match=r"length \(5\) must be 0 or 6: what lies before the last 3 tokens has been"):
        cache.truncate(5)
    caches = LayerCaches([filled(6), cache])
    with pytest.raises(ValueError, match="has been forgotten"):
        caches.truncate(5)
    assert caches.length == 6
    caches.reset()
    assert caches.length == 0
    assert cache.keys.shape[2] == 0


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), max_size=3))
def test_a_latent_cache_stores_a_value_within_its_key(lengths):
    cache, k_all = LatentCache(B, MAX + 1, D, 5), []
    for seed, length in enumerate(lengths):
        k = torch.randn(B, 1, length, D + 5, generator=torch.Generator().manual_seed(seed))
        k_all.append(k)
        keys, values = cache.append(k, k[..., :D])
        assert torch.equal(keys, torch.cat(k_all, dim=2))
        assert torch.equal(values, keys[..., :D])
    assert cache.length == sum(lengths)
    assert cache.cache_bytes == B * (MAX + 1) * (D + 5) * 4


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c)), saved_and_loaded])
@pytest.mark.parametrize("kind", ["rolling", "latent"])
def test_a_copy_of_either_stands_by_itself(copied, kind):
    cache = rolled() if kind == "rolling" else LatentCache(B, MAX, D, 5)
    k = torch.ones(B, G, 2, D) if kind == "rolling" else torch.ones(B, 1, 2, D + 5)
    cache.append(k, k[..., :D])
    twin = copied(cache)
    twin.append(2 * k, 2 * k[..., :D])
    assert (twin.length, cache.length) == (cache.length + 2, cache.length)
    assert (twin.values[:, :, -2:] == 2).all()
    assert (cache.values[:, :, -2:] == 1).all()


def test_sizes_of_either_are_checked():
    for make, message in [
        (lambda: RollingCache(B, G, 0, D), r"window \(0\) must be at least 1"),
        (lambda: LatentCache(B, MAX, 0), r"latent_dim \(0\) must be at least 1"),
        (lambda: LatentCache(B, MAX, D, -1), r"rotary_dim \(-1\) must be at least 0"),
        (lambda: LatentCache(B, MAX, D).append(torch.ones(B, 1, 2, D), torch.ones(B, 1, 2, D - 1)), "v must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()
