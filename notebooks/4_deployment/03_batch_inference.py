# %% [markdown]
# # 4.3 Batch inference
#
# Two or three sentences on the production problem: what goes wrong, for whom, and why it is not seen.
#
# You will be able to
#
# - do the first thing;
# - do the second;
# - say when neither is enough.
#
# *Needs: nothing but Python. Time: about 20 minutes, and 0 more for "Deeper"; the code runs in less
# than a minute.*

# %%
from helpers import lesson

lesson.begin("4.3")

# %% tags=["parameters"]
seed = 2013
share_late = 0.25     # say of each parameter what it is, with its unit

# %% tags=["folded"]
# What is built here
from helpers import figures

figures.overview(
    "An alert is a chance above a threshold",
    [["timetable", "model", "alert", "outcome"]],
    [("timetable", "model"), ("model", "alert", "chance"), ("alert", "outcome", "hours later")],
    new=["alert"],
)

# %% [markdown]
# ## 1 A first section
#
# Why this is looked at. Then a short cell, and an output worth reading.

# %%
import numpy as np
import pandas as pd

draw = np.random.default_rng(seed)
chances = pd.Series(draw.beta(8 * share_late, 8 * (1 - share_late), 400))
late = pd.Series(draw.random(400) < chances)

# %% tags=["folded"]
# The picture of the chances
bands = pd.cut(chances, [0, 0.1, 0.2, 0.3, 0.4, 1]).astype(str)
often = late.groupby(bands).mean()
figures.bars(often, "How often flights of each chance were late", x="share late", form="{:.0%}")

# %% [markdown]
# What the picture says: flights with a chance above 0.3 were late more often than the others.

# %% tags=["claim"]
# Late more often: the lower end of the difference's interval, 95 %
above, below = late[chances > 0.3], late[chances <= 0.3]
spread = (above.var() / len(above) + below.var() / len(below)) ** 0.5
assert above.mean() - below.mean() - 1.96 * spread > 0, "flights above 0.3 are late more often"

# %% [markdown] exercise="4.3a"
# ### Exercise 4.3a: How many alerts? (2 points)
#
# What is asked: what goes in, what must come out, an example of four rows. Write
# `alerts(chances, threshold)`: how many of the `chances` are above the threshold. A chance may be missing
# (NaN), and then there is no alert.
#
# | chance | above 0.3? |
# | --- | --- |
# | 0.2 | no |
# | 0.3 | no |
# | 0.4 | yes |
# | missing | no |

# %% tags=["starter"] exercise="4.3a"
def alerts(chances, threshold):
    """How many chances are above the threshold."""
    ...


# %% tags=["solution"] exercise="4.3a"
def alerts(chances, threshold):
    """How many chances are above the threshold."""
    return int((chances > threshold).sum())


# %% exercise="4.3a"
alerts = lesson.check("4.3a", alerts=alerts)

# %% [markdown]
# Before your function counts them: how many of the 400 flights have a chance above one half?

# %% prediction="4.3p1"
guess = ...     # a number of flights
lesson.predict("4.3p1", guess)

# %%
counts = pd.Series({threshold: alerts(chances, threshold) for threshold in (0.1, 0.2, 0.3, 0.4, 0.5)})
figures.bars(counts, f"{counts[0.5]} of 400 flights are above one half", x="flights above the threshold")
lesson.reveal("4.3p1", counts[0.5], within=5, form="{:.0f} flights")

# %% [markdown]
# What was found, in a sentence or two.
#
# **On Monday:** what you do with it at work.

# %% [markdown]
# ## 2 What breaks in production
#
# One real failure, live on the data, and how it is caught. Here a feed breaks, and from the fifth day on each
# second chance is missing. Nothing raises.

# %%
days = np.arange(400) // 50
broken = chances.mask((days >= 4) & (np.arange(400) % 2 == 0))
daily = pd.DataFrame({
    "alerts": broken.groupby(days).apply(alerts, 0.3),
    "missing": broken.isna().groupby(days).sum(),
})  # fmt: skip

# %% tags=["folded"]
# The picture of the days
daily.index += 1
figures.lines(daily, "From day 5 on half of the chances are missing", x="day", y="flights", marks={"all": 50})

# %% tags=["claim"]
# The picture's title: an exact count
assert daily.missing.tolist() == 4 * [0] + 4 * [25], "from day 5 on half of the chances are missing"

# %% [markdown] exercise="4.3b"
# ### Exercise 4.3b: What is known in time? (1 point)
#
# Which of these are known before departure: `carrier`, `distance`, `air_time`, `arr_delay`? Answer with a set
# of names.

# %% tags=["starter"] exercise="4.3b"
known = ...     # a set of names

# %% tags=["solution"] exercise="4.3b"
known = {"carrier", "distance"}

# %% exercise="4.3b"
known = lesson.check("4.3b", known=known)

# %% [markdown]
# What was caught, and by what.
#
# **On Monday:** what you do with it at work.

# %% [markdown]
# ## What you did
#
# - You did the first thing.
# - You did the second.
# - You can say when neither is enough.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# What is in it, in a sentence; about 0 minutes. What the path above does without.

# %%
figures.table(daily.describe().loc[["min", "mean", "max"]].rename_axis("over eight days"))
