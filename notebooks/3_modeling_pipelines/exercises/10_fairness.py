"""How the exercises of lesson 3.10 are judged."""

from unittest.mock import patch

from helpers.exercises.kit import Program, exercise
from helpers.exercises.plain import NotData, kind
from helpers.exercises.rules import function, table
from helpers.exercises.signs import CONSTANT, NOTHING, listed, number, optional, unless


# ---- 3.10a: rates of a group -------------------------------------------------------------------------------


def _probes():
    import numpy as np

    gap = float("nan")
    return [(np.array(chance, dtype=float), np.array(approve, dtype=float), bar) for chance, approve, bar in [
        ([0.9, 0.8, 0.7, gap], [1, 0, 1, 1], 0.8), ([0.9, 0.2, 0.6, 0.95], [1, 1, 0, gap], 0.5),
        ([0.1, 0.2, 0.3], [1, 0, 1], 0.5), ([0.9, 0.6, 0.4], [0, 0, gap], 0.5), ([], [], 0.5),
        ([0.7, 0.7, 0.1, gap, 0.99], [1, gap, 0, gap, 1], 0.7), ([gap, gap], [1, 0], 0.0),
        ([0.9, 0.7], [gap, gap], 0.5),
        ([0.4, 0.6, 0.8, 0.9, 0.3, 0.7], [0, 1, 0, 1, 1, 0], 0.6),
    ]]  # fmt: skip


def _share(hits, among):
    return sum(hits) / among if among else None


def _rates(
    chance,
    approve,
    bar,
    *,
    passing=lambda c, bar: c is not None and c >= bar,
    keep=lambda c, a: True,
    missing=None,
):
    rows = [
        (passing(c, bar), missing if a is None else a)
        for c, a in zip(chance, approve, strict=True)
        if keep(c, a)
    ]
    decided = [(p, a) for p, a in rows if a is not None]
    return [
        _share([p for p, _ in rows], len(rows)),
        _share([p for p, a in decided if a == 1], sum(a == 1 for _, a in decided)),
        _share([a == 1 for p, a in decided if p], sum(p for p, _ in decided)),
    ]


def _with(**changes):
    return lambda chance, approve, bar: _rates(chance, approve, bar, **changes)


def _mixed(make):
    """A wrong rule made of the counts: passes rightly, passes, approved, all, and the right three."""

    def rule(chance, approve, bar):
        rows = [(c is not None and c >= bar, a) for c, a in zip(chance, approve, strict=True)]
        both, passing = sum(p and a == 1 for p, a in rows), sum(p and a is not None for p, a in rows)
        return make(both, passing, sum(a == 1 for _, a in rows), len(rows), _rates(chance, approve, bar))

    return rule


function(
    "3.10a", "rates", _probes,
    odd={
        "Your function gives nothing back. Does it `return` the three?": NOTHING,
        "Asked are three numbers in a tuple, `(selected, tpr, ppv)`.":
            unless(lambda output: listed(optional(number))(output) and len(output) == 3),
    },
    rule=_rates,
    said="A missing chance waits, and counts: leaving it out would hide whom the model can't serve.",
    mistakes={
        "A chance that equals the bar passes.": _with(passing=lambda c, bar: c is not None and c > bar),
        "A missing chance passes with you. The model said nothing, so a person looks.":
            _with(passing=lambda c, bar: c is None or c >= bar),
        "You leave out who has no chance. They belong to the group, and they wait.":
            _with(keep=lambda c, a: c is not None),
        "You leave out who isn't decided yet. They pass or wait already, so they count for `selected`.":
            _with(keep=lambda c, a: a is not None),
        "You leave out every row with a gap. Each gap leaves out less than that.":
            _with(keep=lambda c, a: a is not None and c is not None),
        "An open decision counts with you as a denial: `ppv` is among those who pass and are decided.":
            _with(missing=0),
        "An open decision counts with you as an approval.": _with(missing=1),
        "A rate of nobody is NaN. Zero would say that somebody was refused.":
            lambda *given: [0 if rate is None else rate for rate in _rates(*given)],
        "Your `ppv` is NaN as soon as one who passes isn't decided. Take it among those who are.":
            lambda chance, approve, bar: _rates(chance, approve, bar)[:2] + [
                None if any(a is None and c is not None and c >= bar for c,
                    a in zip(chance, approve, strict=True))
                else _rates(chance, approve, bar)[2]],
        "`selected` and `tpr` are exchanged: `selected` comes first, and divides by all.":
            lambda *given: [_rates(*given)[i] for i in (1, 0, 2)],
        "`tpr` and `ppv` are exchanged: `tpr` divides by the approved, `ppv` by those who pass.":
            lambda *given: [_rates(*given)[i] for i in (0, 2, 1)],
        "You divide `tpr` by everybody. Its base is whom the lender approved.":
            _mixed(lambda both, passing, approved, all_,
                right: [right[0], both / all_ if all_ else None, right[2]]),
        "Your function gives the same three for every group.": CONSTANT,
    },
    otherwise="For some group a rate is another. Take the four rows of the example by hand.",
    hints=(
        "A comparison with NaN is False: `chance >= bar` lets no missing chance pass.",
        "`(chance >= bar)[approve == 1].mean()` is `tpr`, where there is anybody.",
        "For `ppv` keep those who pass and whose `approve` isn't NaN.",
    ),
)  # fmt: skip


# ---- 3.10b: weights ----------------------------------------------------------------------------------------


def _groups():
    import numpy as np

    return [(np.array(group), np.array(approve)) for group, approve in [
        (list("AAAABB"), [1, 1, 1, 0, 1, 0]), (list("ABAB"), [1, 1, 0, 0]),
        (list("BAAAAAAC"), [0, 1, 1, 1, 0, 1, 1, 1]),
        (list("AAB"), [1, 1, 0]), (["x"], [1]), (list("CABBACAB"), [1, 0, 1, 1, 1, 0, 0, 1]),
    ]]  # fmt: skip


def _weighed(make):
    """Weights by a formula of the counts: of the pair, the group, the outcome, all
    rows; and of groups and outcomes."""

    def rule(group, approve):
        rows = list(zip(group, approve, strict=True))
        return [
            make(
                rows.count((g, a)),
                group.count(g),
                approve.count(a),
                len(rows),
                len(set(group)),
                len(set(approve)),
            )
            for g, a in rows
        ]

    return rule


function(
    "3.10b", "reweigh", _groups,
    odd={
        "Your function gives nothing back. Does it `return` the weights?": NOTHING,
        "Asked is a list or an array of numbers, a weight per row.": unless(listed(number)),
    },
    rule=_weighed(lambda pair, g, a, n, gs, as_: g * a / n / pair),
    said="Weighted, each group has the base rate of all, and each keeps its size.",
    mistakes={
        "It is upside down: a pair that is rarer than it should be gets a weight above 1.":
            _weighed(lambda pair, g, a, n, gs, as_: pair * n / g / a),
        "You divide by how frequent the pair is alone. That makes all pairs equally heavy, so small groups "
        "weigh as much as large ones; each group should keep its size.":
            _weighed(lambda pair, g, a, n, gs, as_: n / (gs * as_ * pair)),
        "That is one over the share of the pair. It is to be multiplied by what the share would be.":
            _weighed(lambda pair, g, a, n, gs, as_: n / pair),
        "You weigh by group alone. Inside a group approved and denied rows need other weights.":
            _weighed(lambda pair, g, a, n, gs, as_: n / (gs * g)),
        "You weigh by outcome alone. The same outcome needs another weight in another group.":
            _weighed(lambda pair, g, a, n, gs, as_: n / (as_ * a)),
        "That is the share of the group times the share of the outcome. Divide by the pair's own share.":
            _weighed(lambda pair, g, a, n, gs, as_: g * a / n / n),
        "You multiply counts and divide by a count: the number of all rows is missing below.":
            _weighed(lambda pair, g, a, n, gs, as_: g * a / pair),
        "That is how many rows the pair would have. Each of its rows gets that, divided by how many it has.":
            _weighed(lambda pair, g, a, n, gs, as_: g * a / n),
        "You divide by the pair's share inside its group and forget the outcome's share.":
            _weighed(lambda pair, g, a, n, gs, as_: g / pair),
        "All your weights are 1.": _weighed(lambda *counts: 1),
    },
    otherwise="For some rows a weight is another. Take the six rows of the example by hand.",
    hints=(
        "Three shares per row: its group's, its outcome's, and that of the pair.",
        "The weight is (share of group · share of outcome) / share of pair.",
    ),
)  # fmt: skip


# ---- 3.10c: a ThresholdOptimizer ---------------------------------------------------------------------------


def _world():
    """Applicants of three groups, whose chances say less of the small ones: inputs, approvals, names."""
    import numpy as np

    draw = np.random.default_rng(3)
    group = np.array(["a"] * 300 + ["b"] * 120 + ["c"] * 80)
    approve = (draw.random(500) < np.repeat([0.9, 0.65, 0.75], [300, 120, 80])).astype(int)
    score = np.clip(
        0.6 + 0.25 * approve - 0.12 * (group != "a") + draw.normal(0, 0.13, 500), 0.01, 0.99
    ).round(2)
    return score[:, None], approve, group


def _model():
    """A fitted model that says how often it is fitted again."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Fitted(ClassifierMixin, BaseEstimator):
        again = 0

        def __init__(self):
            self.classes_, self.coef_ = [0, 1], [[1.0]]

        def fit(self, *given, **options):
            type(self).again += 1
            return self

        def predict_proba(self, X):
            import numpy as np

            chance = np.asarray(X, dtype=float)[:, 0]
            return np.c_[1 - chance, chance]

        def predict(self, X):
            return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)

    return Fitted()


def _coarse(fit):
    def fitted(self, *given, **named):
        self.grid_size = min(self.grid_size, 100)
        return fit(self, *given, **named)

    return fitted


def _played(own_bars):
    from fairlearn.postprocessing import ThresholdOptimizer

    X, approve, group = _world()
    model = _model()
    # Fairlearn's grid of 1,000 is nearly all of the work; what is judged shows on a tenth of it.
    with patch.object(ThresholdOptimizer, "fit", _coarse(ThresholdOptimizer.fit)):
        made = own_bars(model, X.copy(), approve.copy(), group.copy())
    if made is None:
        raise NotData("is a function that gives nothing back; it should return the `ThresholdOptimizer`.")
    if not isinstance(made, ThresholdOptimizer):
        raise NotData(f"is a function that gives back {kind(made)}; it should be a `ThresholdOptimizer`.")
    found = {"fitted": hasattr(made, "interpolated_thresholder_"), "again": type(model).again,
             "model": type(made.estimator) is type(model), "flip": bool(made.flip)}  # fmt: skip
    found |= {name: str(getattr(made, name)) for name in ("constraints", "objective", "predict_method")}
    if found["fitted"] and found["model"]:
        passing = made._pmf_predict(X, sensitive_features=group)[:, 1]
        found["names"] = sorted(map(str, made.interpolated_thresholder_.interpolation_dict))
        found["tpr"] = [float(passing[(group == name) & (approve == 1)].mean()) for name in "abc"]
    return found


def _equal(shares):
    if type(shares) is not list or not shares or not all(map(number, shares)):
        return False
    return max(shares) - min(shares) <= 0.03


@exercise(
    "3.10c",
    own_bars=Program(_played),
    said="Three groups, one true positive rate, and the model is the one you were given.",
    hints=(
        'Read `help(ThresholdOptimizer)`: `constraints="true_positive_rate_parity"`, and an `objective`.',
        '`prefit=True` leaves the model as it is; `predict_method="predict_proba"` goes by its chances.',
        "`.fit(X, approve, sensitive_features=group)` gives back the fitted optimizer: return that.",
    ),
)
def a_bar_for_each_group(own_bars):
    played = own_bars if type(own_bars) is dict else {}
    if not played.get("model"):
        yield "The optimizer is around another model than the one given: pass it as `estimator`."
    if played.get("again"):
        yield "The model was fitted again: it is fitted already, say so with `prefit`."
    if not played.get("fitted"):
        yield "The optimizer isn't fitted: it has not seen a group yet."
    if played.get("predict_method") == "predict":
        yield "It goes by the model's yes and no. Between two answers there is no room for a bar."
    if played.get("constraints") == "demographic_parity":
        yield (
            "All groups are selected equally often: that is demographic parity. Asked is the "
            "true positive rate."
        )
    if played.get("constraints") == "equalized_odds":
        yield (
            "Equalized odds asks for equal false positive rates as well. Asked is the true "
            "positive rate alone."
        )
    if played.get("constraints") not in ("true_positive_rate_parity", "false_negative_rate_parity"):
        yield "You hold another rate equal. Asked is the true positive rate."
    if played.get("objective") == "accuracy_score":
        yield (
            "Plain accuracy weighs both errors alike, and lets nearly everybody pass. Asked is "
            "balanced accuracy."
        )
    if played.get("objective") != "balanced_accuracy_score":
        yield "Asked is the best balanced accuracy; your `objective` is another."
    if played.get("flip"):
        yield "With `flip` a higher chance may make somebody wait. Leave it off."
    if played.get("names") != ["a", "b", "c"]:
        yield "It has bars for other groups than the names given: pass `group` as `sensitive_features`."
    if not _equal(played.get("tpr")):
        yield "The true positive rates differ. Did it get the right names and outcomes?"


# ---- 3.10d: the gate ---------------------------------------------------------------------------------------


def _part(low, high, n):
    return {"low": low, "high": high, "n": n}


_NAN = float("nan")
_BOTH = ["Black", "Hispanic"]
_CANT = "can't tell"


def _case(black, hispanic, verdict, reason, groups=_BOTH, limit=0.1, least=50):
    measured = {name: _part(*part) for name, part in zip(_BOTH, (black, hispanic), strict=True) if part}
    return (measured, groups, limit, least), verdict, reason


table(
    "3.10d", "gate", [
        _case((0.12, 0.3, 133), (0.0, 0.05, 85), "refuse",
              "One group's whole interval lies above the limit. That is proof, and one group is enough."),
        _case((0.0, 0.05, 133), (0.12, 0.3, 85), "refuse",
              "The last group's whole interval lies above the limit: look at each, not at the first alone."),
        _case((0.01, 0.06, 133), (-0.05, 0.05, 85), "release",
              "Both intervals end below the limit on enough applicants, and your gate stays shut."),
        _case((0.02, 0.1, 133), (-0.05, 0.1, 50), "release",
              "An interval that ends at the limit doesn't reach above it, and `least` applicants are "
              "enough."),
        _case((0.02, 0.11, 133), (0.0, 0.05, 85), _CANT,
              "The interval reaches across the limit: neither proven bad nor proven good."),
        _case((0.02, 0.3, 133), (0.0, 0.05, 85), _CANT,
              "The interval reaches across the limit: neither proven bad nor proven good."),
        _case((0.1, 0.2, 133), (0.0, 0.05, 85), _CANT,
              "An interval that begins at the limit is not wholly above it, and reaches "
              "above: neither proven."),
        _case((0.0, 0.05, 49), (0.0, 0.05, 85), _CANT,
              "A small group's interval looks good. It can't be judged, so nothing is released."),
        _case((0.12, 0.3, 26), (0.0, 0.05, 85), _CANT,
              "A group with fewer than `least` can't be judged: it doesn't refuse either."),
        _case((0.0, 0.05, 133), (0.0, 0.05, 17), _CANT,
              "The last group is too small to be judged: one that isn't judged keeps the gate shut."),
        _case((0.12, 0.3, 133), (0.0, 0.05, 17), "refuse",
              "One group is proven bad, another too small. What is proven refuses."),
        _case((0.12, 0.3, 133), (0.02, 0.2, 85), "refuse",
              "One group is proven bad, of the other nothing is proven. What is proven refuses."),
        _case((0.0, 0.05, 133), None, _CANT,
              "A group that was asked for was not measured, and your gate decides without it."),
        _case((_NAN, _NAN, 133), (0.0, 0.05, 85), _CANT,
              "A comparison with NaN is False. An interval that isn't there can't open the gate."),
        _case((_NAN, 0.05, 133), (0.0, 0.05, 85), _CANT,
              "One end is NaN. A group is judged only if both ends are numbers."),
        _case((0.2, _NAN, 133), (0.0, 0.05, 85), _CANT,
              "One end is NaN. A group is judged only if both ends are numbers."),
        _case((-0.3, -0.15, 133), (0.0, 0.05, 85), "release",
              "A gap below zero is in the group's favour. Asked is whether it reaches above the limit."),
        _case((0.0, 0.05, 133), (0.0, 0.05, 85), _CANT,
              "No group was asked for, so nothing was judged. `all([])` is true in Python; "
              "a gate must not be.",
              groups=[]),
        _case((0.0, 0.05, 133), (0.12, 0.3, 85), "release",
              "Only the groups asked for are judged.", groups=["Black"]),
        _case((0.12, 0.18, 133), (0.0, 0.05, 85), "release",
              "The limit is given: here it is 0.2, not 0.1.", limit=0.2),
        _case((0.0, 0.05, 26), (0.0, 0.05, 17), "release", "`least` is given: here it is 10, not "
        "50.", least=10),
    ],
    odd={
        "The answer must be one of the three verdicts as they are written, in every case.":
            unless(lambda output: output in ("release", "refuse", _CANT)),
    },
    mistakes={"A gate that always says the same is a wall, or a hole in one.": CONSTANT},
    said="It opens only for what is known to be good, and refuses only what is known to be bad.",
    hints=(
        "First find the groups that can be judged; then look for one that is proven bad among them.",
        '`measured.get(name)` is None where a group was not measured; `math.isnan` knows a NaN.',
        "Only then ask whether all of `groups` are judged and end at or below the limit.",
    ),
)  # fmt: skip
