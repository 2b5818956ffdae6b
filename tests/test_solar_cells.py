"""The side case on images: its blocks and splits, and the CNN that lessons train."""

import numpy as np
import pytest

from helpers import datasets, solar_cells


@pytest.fixture(scope="module")
def cells():
    return datasets.solar_cells(32)


def test_there_are_as_many_blocks_as_the_source_names_modules(cells):
    block = solar_cells.blocks(cells.frame)
    types = cells.frame.type.groupby(block).agg(["first", "nunique", "size"])
    assert (types["nunique"] == 1).all()
    assert types["first"].value_counts().to_dict() == {"poly": 26, "mono": 18}
    assert types["size"].between(48, 72).all()
    assert (np.diff(block) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_split_is_whole_disjoint_and_parts_no_block(cells, seed):
    parts = solar_cells.split(cells.frame, seed)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(cells.frame)))
    block = solar_cells.blocks(cells.frame)
    assert sum(len(set(block[part])) for part in parts) == 44
    assert len(parts.train) / len(cells.frame) == pytest.approx(0.6, abs=0.03)
    assert all((np.diff(part) > 0).all() for part in parts)


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_alike_in_label_and_type(cells, seed):
    defective, mono = solar_cells.labels(cells.frame), cells.frame.type.eq("mono").to_numpy()
    for part in solar_cells.folds(cells.frame, seed):
        assert defective[part].mean() == pytest.approx(defective.mean(), abs=0.08)
        assert mono[part].mean() == pytest.approx(mono.mean(), abs=0.08)


def test_the_seed_decides_the_split(cells):
    one, same, other = (solar_cells.split(cells.frame, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.test, other.test)


def test_the_cut_decides_what_counts_as_defective(cells):
    shares = [solar_cells.labels(cells.frame, cut).mean() for cut in (0.2, 0.5, 0.8)]
    assert shares == pytest.approx([1116 / 2624, 821 / 2624, 715 / 2624])


def test_balanced_weights_give_both_classes_the_same_total():
    weight = solar_cells.balanced([0, 0, 0, 1])
    assert 3 * weight[0] == pytest.approx(weight[1]) == pytest.approx(2)


def test_turning_keeps_every_pixel_and_shows_all_eight_views():
    picture = np.arange(9, dtype="uint8").reshape(1, 3, 3)
    views = solar_cells.turned(np.repeat(picture, 400, axis=0), np.random.default_rng(0))
    assert views.shape == (400, 3, 3) and views.dtype == np.uint8
    assert (np.sort(views.reshape(400, -1)) == np.arange(9)).all()
    assert len(np.unique(views.reshape(400, -1), axis=0)) == 8


def test_scores_by_hand():
    found = solar_cells.scores(np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.6, 0.1]))
    assert found["recall"] == found["precision"] == found["false alarms"] == found["accuracy"] == 0.5
    assert found["ROC-AUC"] == 0.75
    assert np.isnan(solar_cells.scores(np.array([1, 0]), np.array([0.1, 0.2]))["precision"])


def test_the_cnn_learns_a_little_in_seconds_and_the_same_each_time(cells):
    parts = solar_cells.split(cells.frame, 0)
    train, held = parts.train[::3], parts.validation
    defective = solar_cells.labels(cells.frame)
    chance = [
        solar_cells.chances(
            solar_cells.train(
                cells.images[train],
                defective[train],
                seed=0,
                filters=(8, 16),
                epochs=5,
                class_weight=solar_cells.balanced(defective[train]),
                augment=solar_cells.turned,
            ),
            cells.images[held],
        )
        for _ in range(2)
    ]
    assert np.array_equal(*chance)
    assert solar_cells.scores(defective[held], chance[0])["ROC-AUC"] > 0.6


def test_cells_of_weight_nothing_do_not_count(cells):
    some, defective = cells.images[:64], solar_cells.labels(cells.frame)[:64]
    weight = np.repeat([1.0, 0.0], 32)
    wrong = np.where(weight > 0, defective, 1 - defective)
    one, other = (
        solar_cells.train(some, target, 3, filters=(4,), epochs=2, sample_weight=weight)
        for target in (defective, wrong)
    )
    assert np.array_equal(solar_cells.chances(one, some), solar_cells.chances(other, some))


def test_a_trained_model_stays_as_it_is_when_another_is_trained(cells):
    some, defective = cells.images[:64], solar_cells.labels(cells.frame)[:64]
    one = solar_cells.train(some, defective, 3, filters=(4,), epochs=1)
    before = solar_cells.chances(one, some)
    other = solar_cells.train(some, defective, 4, filters=(4,), epochs=1)
    assert np.array_equal(before, solar_cells.chances(one, some))
    assert not np.array_equal(before, solar_cells.chances(other, some))
