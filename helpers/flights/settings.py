"""What a run of the pipeline can be told, and the check of it before minutes are spent."""

import operator

TRAIN = (1, 2, 3, 4, 5, 6)  # months
EVALUATE = (7,)  # August to December stay unseen, for the lessons to replay
MODEL = {
    "members": 3,
    "epochs": 2,
    "batch": 512,
    "learning_rate": 3e-3,
    "hidden": [64, 32],
    "dropout": 0.2,
}


def checked(settings: dict) -> dict:
    """The settings as plain JSON values: months in order and each once, numbers of one kind, so that equal
    settings have equal digests.

    Raises ValueError for a setting that doesn't exist, for a value it can't have, and for a month that is
    both trained and evaluated on.
    """
    found = _checked(settings, RULES, "")
    if both := sorted(set(found.get("train", TRAIN)) & set(found.get("evaluate", EVALUATE))):
        raise ValueError(
            f"months {both} are in train and in evaluate: a model is not judged by what it has learned; "
            "take them out of one"
        )
    return found


def _checked(settings: dict, rules: dict, where: str) -> dict:
    if not isinstance(settings, dict):
        raise ValueError(f"{where[:-1]} must be a dict with any of {', '.join(rules)}, not {settings!r}")
    found = {}
    for name, value in settings.items():
        if name not in rules:
            raise ValueError(f"there is no setting {where}{name}; there are {', '.join(rules)}")
        rule = rules[name]
        if isinstance(rule, dict):
            found[name] = _checked(value, rule, f"{name}.")
            continue
        try:
            found[name] = rule(value)
        except (TypeError, ValueError):
            raise ValueError(f"{where}{name} must be {rule.__doc__}, not {value!r}") from None
    return found


def _months(value) -> list[int]:
    """a list of months, whole numbers from 1 to 12, at least one"""
    months = sorted({_count(month) for month in value})
    return _if(months and months[-1] <= 12, months)


def _counts(value) -> list[int]:
    """a list of whole numbers from 1 on"""
    return [_count(number) for number in value]


def _count(value) -> int:
    """a whole number from 1 on"""
    return _if(operator.index(value) >= 1 and not isinstance(value, bool), operator.index(value))


def _share(value) -> float:
    """a number from 0 to 1"""
    return _if(0 <= value <= 1 and not isinstance(value, bool), float(value))


def _rate(value) -> float:
    """a number above 0 and at most 1"""
    return _if(value > 0, _share(value))


def _if(right: bool, value):
    if not right:
        raise ValueError
    return value


RULES = {
    "train": _months,
    "evaluate": _months,
    "every": _count,
    "model": {
        "members": _count,
        "epochs": _count,
        "batch": _count,
        "learning_rate": _rate,
        "hidden": _counts,
        "dropout": _share,
    },
    "gate": {"floor": _share, "slice_floor": _share},
}
