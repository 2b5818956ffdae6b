"""The cards in data/: every figure they give is recomputed from the data, and no figure stands there unchecked."""

import re

import numpy as np
import pandas as pd
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers import ROOT, datasets

TABLES = {
    "flights": ["flights", "weather", "planes", "airports", "airlines"],
    "loans": ["loans"],
    "rated_words": ["rated_words"],
    "solar_cells": ["solar_cells"],
    "digits": [],
}
SECTIONS = ["Source and licence", "Columns", "What is missing, and why", "Traps", "Allowed use", "Harms"]


def card(name: str) -> str:
    return (ROOT / "data" / name / "card.md").read_text(encoding="utf-8")


def frame(table: str) -> pd.DataFrame:
    return datasets.solar_cells(8).frame if table == "solar_cells" else getattr(datasets, table)()


def values(column: pd.Series) -> str:
    """What the last cell of a column's row says."""
    if column.dtype == object:
        return f"{column.nunique()} different"
    low, high = column.min(), column.max()
    if column.dtype.kind == "M":
        return f"{low:%Y-%m-%d %H:%M} … {high:%Y-%m-%d %H:%M}"
    return f"{low:.6g} … {high:.6g}" if low < high else f"{low:.6g}"


def rows(name: str) -> dict[tuple[str, str], tuple[str, str]]:
    """By table and column of a card: the cells "missing" and "values"."""
    found, table = {}, None
    for line in card(name).splitlines():
        if heading := re.match(r"### `(\w+)\(", line):
            table = heading[1]
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found |= {(table, column.strip(" `")): (cells[-2], cells[-1]) for column in cells[0].split(",")}
    return found


def share(part, whole=None) -> str:
    return f"{100 * (part if whole is None else part / whole):.1f} %"


def sentences_flights():
    flights, weather, planes, airports = (frame(name) for name in TABLES["flights"][:4])
    cancelled, arrived = flights.dep_time.isna(), flights.arr_delay.notna()
    yield f"{len(flights):,} flights"
    yield f"{len(weather):,} of {3 * 8760:,} station hours"
    yield f"{len(planes):,} planes"
    yield f"{len(airports):,} airports"
    yield f"{len(frame('airlines'))} airlines"
    yield f"{cancelled.sum():,} flights were cancelled"
    yield f"{(~arrived & ~cancelled).sum():,} left but"
    assert cancelled[flights.tailnum.isna()].all()
    yield f"all {flights.tailnum.isna().sum():,} gaps"
    yield f"late ({share((flights.arr_delay[arrived] > 15).mean())} of those that arrived)"
    month = (flights.arr_delay > 15)[arrived].groupby(flights.month[arrived]).mean()
    yield f"from {share(month.min())} in September to {share(month.max())} in December"
    assert (month.idxmin(), month.idxmax()) == (9, 12)
    with_weather = flights.merge(
        weather[["origin", "time_hour", "visib"]], on=["origin", "time_hour"], how="left"
    ).visib.notna()
    yield f"{share(1 - with_weather.mean())} of the flights have no weather in their own hour"
    last = flights.merge(
        weather[["origin", "time_hour", "visib"]], on=["origin", "time_hour"], how="left"
    ).query("month == 12 and day == 31")
    assert last.visib.isna().all()
    yield f"{len(last)} flights of 31 December"
    joined = flights.merge(planes, on="tailnum", suffixes=("", "_built"))
    yield f"{share(len(joined), len(flights))} of the flights find their plane"
    found = flights.tailnum.isin(planes.tailnum).groupby(flights.carrier).mean()
    yield f"{100 * found['MQ']:.0f} % of Envoy's (MQ) and {100 * found['AA']:.0f} % of American's (AA)"
    yield f"at least {100 * found.drop(['MQ', 'AA']).min():.0f} % of the others'"
    small = joined[joined.seats < 20]
    yield f"{len(small):,} flights find one with fewer than 20 seats"
    helicopter = small[(small.type == "Rotorcraft") & (small.carrier == "B6")]
    yield f"{len(helicopter)} of JetBlue's a five-seat helicopter, up to {helicopter.distance.max():,} miles away"
    assert set(helicopter.seats) == {5}
    assert weather.nlargest(2, "wind_speed").wind_speed.gt(50).sum() == 1
    yield f"one wind_speed of {weather.wind_speed.max():.0f} mph ({weather.wind_speed.max() / 1.15078:.0f} knots"
    local = ["origin", "year", "month", "day", "hour"]
    assert not weather.duplicated(["origin", "time_hour"]).any()
    yield f"{weather.duplicated(local).sum()} hours occur twice"
    yield f"wind_gust is missing in {share(weather.wind_gust.isna().mean())}"
    yield f"pressure in {share(weather.pressure.isna().mean())}"
    absent = flights.dest[~flights.dest.isin(airports.faa)]
    yield f"{absent.nunique()} destinations ({', '.join(sorted(absent.unique()))}; {len(absent):,} flights)"
    january = set(flights.dest[flights.month == 1])
    yield f"{len(set(flights.dest) - january)} destinations appear after January"
    yield f"flight of {flights.distance.min()} miles"
    yield f"{planes.year.isna().sum()} planes have no year"
    yield f"speed is missing for all but {planes.speed.notna().sum()}"
    yield f"{airports.lon.gt(0).sum()} airports have a longitude or time zone in Asia"
    assert set(airports[airports.lon > 0].faa) >= set(airports[airports.tz > 0].faa)
    assert not planes.tailnum[~planes.tailnum.isin(flights.tailnum)].size


def sentences_loans():
    loans = frame("loans")
    yield f"{len(loans):,} applications"
    assert (loans[["white", "black", "hispan"]].sum(axis=1) == 1).all()
    for group, word in [("white", "white"), ("hispan", "Hispanic"), ("black", "Black")]:
        chosen = loans[loans[group] == 1]
        yield f"{len(chosen):,} {word} applicants, {share(chosen.approve.mean())} approved"
    assert (loans.approve == loans.action.isin([1, 2])).all() and (loans.reject == 1 - loans.approve).all()
    yield f"`gdlin` is 666 in {loans.gdlin.eq(666).sum()}"
    yield f"`lines` is 999999.375 in {loans.lines.gt(999_999).sum()}, `term` in {loans.term.gt(999_999).sum()}"
    yield f"`review` is 999 in {loans.review.eq(999).sum()}"
    yield f"`liq` is 1000000 in {loans.liq.eq(1_000_000).sum()}"
    met = loans.groupby("gdlin").approve.mean()
    yield f"{share(met[1])} where they are met and {share(met[0])} where not"
    assert set(loans.emp) == set(loans.yjob) == {0, 1, 6, 9}
    yield f"{loans.isna().any(axis=1).sum()} rows have a gap somewhere, {loans.drop(columns='min30').isna().any(axis=1).sum()} outside `min30`"
    yield f"{loans.loanprc.gt(1).sum()} loans are larger than the price"
    assert loans.msa.nunique() == 1


def sentences_rated_words():
    words = frame("rated_words")
    ratings = words.filter(like="rater_").to_numpy()
    yield f"{len(words):,} words"
    yield f"{words.word.duplicated().sum()} words stand there twice"
    assert words.word.value_counts().max() == 2
    yield f"No word has a mean of 0 or a standard deviation above {ratings.std(axis=1).max():g}"
    assert (ratings.mean(axis=1) != 0).all()
    habit = ratings - ratings.mean(axis=1, keepdims=True)
    together = [(habit[:-gap] * habit[gap:]).mean() / habit.var() for gap in (1, 10)]
    yield f"{share(together[0])} of their variance in common for next neighbours and {share(together[1])} ten rows apart"
    yield f"{share((ratings.mean(axis=1) < 0).mean())} of the means are negative"
    yield f"{share((ratings == 0).mean())} of the single ratings are 0"
    yield f"In {np.sum(abs(ratings.mean(axis=1) - words['mean']) > 1e-3)} row `mean`"
    yield f"in {np.sum(abs(ratings.std(axis=1) - words['std']) > 1e-3)} rows `std`"


def sentences_solar_cells():
    cells = datasets.solar_cells(300)
    frame, images = cells.frame, cells.images
    yield f"{len(frame):,} pictures of 300 × 300 pixels"
    for value, word in [(0, "0"), (1 / 3, "1/3"), (2 / 3, "2/3"), (1, "1")]:
        yield f"{(frame.probability - value).abs().lt(0.01).sum():,} at {word}"
    yield f"{frame.type.eq('mono').sum():,} monocrystalline and {frame.type.eq('poly').sum():,} polycrystalline"
    yield f"from {images.mean(axis=(1, 2)).min():.0f} to {images.mean(axis=(1, 2)).max():.0f}"
    yield f"in {(frame.type != frame.type.shift()).sum()} runs of one type"
    assert len({image.tobytes() for image in images}) == len(images)


def sentences_digits():
    images, labels = datasets.digits()
    counts = np.bincount(labels)
    yield f"{len(images):,} digits of 8 × 8 pixels"
    yield f"{images.min()} to {images.max()}"
    yield f"between {counts.min()} and {counts.max()} of each"


SENTENCES = {name: globals()[f"sentences_{name}"] for name in TABLES}
UNCOMPUTED = {  # figures that are no property of the data: where they come from stands beside them in the card
    "flights": ["2013", "1.0", "0.0.3", "15 minutes", "517", "5:17", "2400", "911"],
    "loans": [
        "1990",
        "1996",
        "13, 57–70",
        "0.5.0",
        "1974",
        "999999.375",
        "$1,000",
        "59 columns",
        "1120",
        "lesson 3.10",
    ],
    "rated_words": ["2014", "3.3.2", "8th"],
    "solar_cells": [
        "4.0",
        "2018",
        "2019",
        "10.4229/35thEUPVSEC20182018-5CV.3.15",
        "10.1016/j.solener.2019.02.067",
        "185",
        "455–468",
        "44 modules",
        "1.0.0.post1",
        "300",
    ],
    "digits": ["1998", "4.0", "10.24432/C50P49", "32 × 32", "13 "],
}


@pytest.mark.parametrize("name", TABLES)
def test_every_data_set_has_a_card_with_all_its_sections(name):
    headings = re.findall(r"^## (.+)$", card(name), flags=re.MULTILINE)
    assert headings == SECTIONS


@pytest.mark.parametrize(
    ("name", "table"), [(name, table) for name, tables in TABLES.items() for table in tables]
)
def test_a_card_lists_every_column_with_its_gaps_and_range(name, table):
    listed = {column: cells for (of, column), cells in rows(name).items() if of == table}
    expected = {column: (f"{cells.isna().sum():,}", values(cells)) for column, cells in frame(table).items()}
    if table == "rated_words":  # ten alike, one row
        expected = {column: cells for column, cells in expected.items() if not column.startswith("rater_")}
        listed = {column: cells for column, cells in listed.items() if not column.startswith("rater_")}
    assert listed == expected


@pytest.mark.parametrize("name", TABLES)
def test_the_figures_in_a_card_are_those_of_the_data(name):
    text = " ".join(card(name).split())
    assert [sentence for sentence in SENTENCES[name]() if sentence not in text] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_card_gives_no_figure_that_is_not_recomputed(name):
    prose = " ".join(line for line in card(name).splitlines() if not line.startswith("|"))
    for known in sorted([*SENTENCES[name](), *UNCOMPUTED[name]], key=len, reverse=True):
        prose = " ".join(prose.split()).replace(known, "")
    assert re.findall(r"\d[\d.,]*\d{2,}|\d+(?:\.\d+)? ?%", prose) == []


def test_the_overview_names_every_card_and_its_rows():
    overview = (ROOT / "data/README.md").read_text(encoding="utf-8")
    sizes = {
        "flights": len(frame("flights")),
        "loans": len(frame("loans")),
        "rated_words": len(frame("rated_words")),
        "solar_cells": len(frame("solar_cells")),
        "digits": len(datasets.digits()[1]),
    }
    for name, size in sizes.items():
        assert re.search(rf"\[{name}\]\({name}/card\.md\).*{size:,}", overview), name


@pytest.mark.parametrize("table", ["flights", "weather"])
def test_a_contract_describes_every_column_and_gives_the_reason_for_each_limit(table):
    text = (ROOT / f"data/flights/schema/{table}.v1.pbtxt").read_text(encoding="utf-8")
    schema = text_format.Parse(text, schema_pb2.Schema())
    assert [feature.name for feature in schema.feature] == [
        name for name in frame(table) if name != "time_hour"
    ]
    unexplained = [
        feature.name
        for feature in schema.feature
        if (feature.WhichOneof("domain_info") or feature.presence.min_fraction < 1)
        and not feature.annotation.comment
    ]
    assert unexplained == []
