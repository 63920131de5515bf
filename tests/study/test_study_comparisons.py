"""Which networks are compared with which."""

import pytest
from repatlas.study import Study


def made(comparisons, **grid):
    grid = {"depth": [8, 14], "seed": [0, 1, 2]} | grid
    return Study({"study": "x", "grid": grid, "comparisons": comparisons})


def described(tile):
    """The compared pairs of a tile by depth, width and seed."""
    parts = [name.split("-") for name in tile.runs]
    label = [f"{p[2]}{p[3]}{p[5]}" for p in parts]
    return [(label[a], label[b]) for a, b in tile.pairs]


def test_within_networks_and_across_seeds():
    study = made({})
    assert [described(tile) for tile in study.tiles] == [
        [
            (f"{d}w1s0", f"{d}w1s0"),
            (f"{d}w1s1", f"{d}w1s1"),
            (f"{d}w1s2", f"{d}w1s2"),
            (f"{d}w1s0", f"{d}w1s1"),
            (f"{d}w1s0", f"{d}w1s2"),
            (f"{d}w1s1", f"{d}w1s2"),
        ]
        for d in ("d8", "d14")
    ]


def test_within_networks_alone():
    study = made({"across_seeds": False})
    assert [tile.pairs for tile in study.tiles] == [((0, 0), (1, 1), (2, 2))] * 2


def test_across_all_architectures():
    study = made({"across_architectures": "all", "seed_pairs": None}, width=[1, 2])
    across = [tile for tile in study.tiles if tile.a != tile.b]
    assert len(across) == 6
    assert all(a < 3 <= b for tile in across for a, b in tile.pairs)


def test_networks_of_different_models_are_compared_in_unlike_seeds():
    """Equal seeds begin with the same weights where layers have the same shape."""
    everything = {"across_architectures": "all", "seed_pairs": None}
    (*_, across) = made(everything).tiles
    assert described(across) == [
        (f"d8w1s{a}", f"d14w1s{b}") for a in range(3) for b in range(3) if a != b
    ]
    (*_, alone) = made(everything, seed=0).tiles
    assert described(alone) == [("d8w1s0", "d14w1s0")]
    (*_, trainings) = made(everything, depth=8, learning_rate=[0.01, 0.1]).tiles
    assert len(trainings.pairs) == 9


def test_at_most_so_many_pairs_of_seeds():
    limited = made({"across_architectures": "all", "seed_pairs": 2})
    within, _, across = limited.tiles
    assert len([p for p in within.pairs if p[0] != p[1]]) == 2
    assert [p for p in within.pairs if p[0] == p[1]] == [(0, 0), (1, 1), (2, 2)]
    assert len(across.pairs) == 2
    everything = made({"across_architectures": "all", "seed_pairs": None})
    assert set(across.pairs) < set(everything.tiles[2].pairs)


def test_named_pairs_in_either_order_are_one():
    pair = [{"depth": 14}, {"depth": 8, "width": [1, 2]}]
    study = made({"across_architectures": [pair, pair[::-1]]}, width=[1, 2])
    across = [(tile.a.rsplit("-", 1)[0], tile.b.rsplit("-", 1)[0]) for tile in study.tiles]
    stem = "digits-resnet-"
    assert [(a, b) for a, b in across if a != b] == [
        (f"{stem}d8-w1-f1", f"{stem}d14-w1-f1"),
        (f"{stem}d8-w1-f1", f"{stem}d14-w2-f1"),
        (f"{stem}d8-w2-f1", f"{stem}d14-w1-f1"),
        (f"{stem}d8-w2-f1", f"{stem}d14-w2-f1"),
    ]


def test_only_networks_that_saw_the_same_images_are_compared():
    study = made({"across_architectures": "all"}, dataset=["digits", "mnist"])
    assert [tile for tile in study.tiles if ("mnist" in tile.a) != ("mnist" in tile.b)] == []
    assert len([tile for tile in study.tiles if tile.a != tile.b]) == 2


def test_a_tile_is_shared_by_studies_that_compare_the_same():
    small = made({"across_architectures": "all"})
    large = made({"across_architectures": "all"}, depth=[38, 14, 8], width=[2, 1])
    assert {tile.name for tile in small.tiles} < {tile.name for tile in large.tiles}


@pytest.mark.parametrize(
    "comparisons",
    [{"across_seeds": False}, {"seed_pairs": 1}, {"layers": "add"}],
)
def test_a_tile_is_named_for_what_it_compares(comparisons):
    assert {t.name for t in made({}).tiles}.isdisjoint(t.name for t in made(comparisons).tiles)


def test_every_measure_has_its_tiles():
    study = Study({"study": "x", "grid": {"seed": 0}, "measures": ["cka", "rsa"]})
    assert [tile.measure for tile in study.tiles] == ["cka", "rsa"]
    assert study.tiles[0].name != study.tiles[1].name
