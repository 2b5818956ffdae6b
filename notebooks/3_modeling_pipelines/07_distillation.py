# %% [markdown]
# # 3.7 Distillation
#
# The best model you have is too large for where it must run: eight networks that vote cannot sit in a
# camera, a hundred trees don't fit the display at the gate. A small model trained on the same labels may be
# worse. Or it may learn from what the large one *says*, which is more than the labels tell. And it learns
# its mistakes.
#
# **You will be able to**
#
# - soften a teacher's answers with a temperature, and say what they hold beyond the labels;
# - write the distillation loss in Keras, with T² and the mix, and check its gradient against a known limit;
# - compare a distilled student with one trained alone and with label smoothing, on paired seeds;
# - say in numbers when distillation pays, and when it doesn't;
# - recover a class that a student was never shown;
# - find a mistake that a student inherited, and pair cached soft targets with the right rows.
#
# *Needs: lessons 1.3 and 1.5, and a network trained in Keras. Time: about 65 minutes, and 5 more for
# "Deeper".*

# %%
from helpers import lesson

lesson.begin("3.7")

# %% tags=["parameters"]
seed = 2013
seeds = 6  # students of each kind, which differ in first weights and order of rows
labelled = 2_000  # flights whose labels the student may see, when labels are few

# %% tags=["folded"]
# What is built here
from helpers import figures

figures.overview(
    "A student learns from a teacher's chances, and from labels where there are any",
    [["labels", "teacher", "soft targets"],
     ["rows without label", None, "distillation loss"],
     [None, "quality, size, mistakes", "student"]],
    [("labels", "teacher", "train"), ("teacher", "soft targets", "temperature"),
     ("soft targets", "distillation loss"), ("rows without label", "distillation loss", "asked about"),
     ("distillation loss", "student", "gradient"), ("student", "quality, size, mistakes", "judged")],
    new=("soft targets", "distillation loss", "student"),
)  # fmt: skip

# %% [markdown]
# ## 1 What a teacher says
#
# We begin with scikit-learn's 1,797 digits, because ten classes show best what soft targets hold. The
# teacher is an **ensemble**: eight networks of 64 hidden units, whose logits are averaged. To train many
# small networks in one go, we lay them side by side. Every weight gets two leading axes, the seed and the
# **recipe** (how it is taught); each network's loss depends on its own weights alone, so none of them
# learns from another, and Adam treats each weight by itself.

# %% tags=["folded"]
# Dense layers side by side, and the intervals of paired differences
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops
from scipy import stats

tf.config.experimental.enable_op_determinism()


class Side(keras.layers.Layer):
    """[rows, seeds, (recipes,) places, in] → [rows, seeds, recipes, places, out]; a seed starts alike."""

    def __init__(self, seeds, recipes, out, relu=True):
        super().__init__()
        self.seeds, self.recipes, self.out, self.relu = seeds, recipes, out, relu

    def build(self, shape):
        size = (shape[-1], self.out)
        drawn = [
            np.random.default_rng([seed, number, *size]).normal(0, np.sqrt(2 / size[0]), size)
            for number in range(self.seeds)
        ]
        first = np.repeat(np.stack(drawn)[:, None], self.recipes, axis=1)
        self.kernel = self.add_weight(
            shape=first.shape,
            name="kernel",
            initializer=lambda shape, dtype: ops.convert_to_tensor(first, dtype),
        )
        self.bias = self.add_weight(
            shape=(self.seeds, self.recipes, 1, self.out), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        axes = "bspi,srio->bsrpo" if len(inputs.shape) == 4 else "bsrpi,srio->bsrpo"
        said = tf.einsum(axes, inputs, self.kernel) + self.bias
        return ops.relu(said) if self.relu else said


def gains(scores, against="alone"):
    """Mean paired difference of each recipe from one, with its 95 % interval by Student's t over seeds."""
    apart = scores.drop(columns=against).sub(scores[against], axis=0)
    half = stats.t.ppf(0.975, len(apart) - 1) * apart.std() / np.sqrt(len(apart))
    return pd.DataFrame({"gain": apart.mean(), "from": apart.mean() - half, "to": apart.mean() + half})


# %%
class Students(keras.Model):
    """Networks side by side: inputs [rows, seeds, places, in] → logits [rows, seeds, recipes, classes]."""

    def __init__(self, recipes, widths, classes, loss_of_rows, seeds=seeds):
        super().__init__()
        self.loss_of_rows = loss_of_rows
        self.hidden = [Side(seeds, len(recipes), width) for width in widths]
        self.last = Side(seeds, len(recipes), classes, relu=False)
        self.recipe = self.add_weight(shape=recipes.shape, trainable=False, name="recipe")
        self.recipe.assign(recipes.to_numpy())

    def call(self, inputs):
        for layer in self.hidden[:-1]:  # four neighbours are read as one place
            inputs = layer(inputs)
            inputs = ops.reshape(inputs, (-1, *inputs.shape[1:3], inputs.shape[3] // 4, 4 * inputs.shape[4]))
        inputs = self.hidden[-1](inputs)
        return self.last(ops.mean(inputs, axis=3, keepdims=True))[..., 0, :]

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """Sum of all networks' mean losses; y: labels and teacher's logits [rows, seeds, classes]."""
        total = 0.0
        for number in range(self.recipe.shape[0]):
            temperature, alpha, smoothing = ops.unstack(self.recipe[number], 3)
            labels = y["labels"]
            even = ops.mean(labels, axis=-1, keepdims=True)
            labels = (1 - smoothing) * labels + smoothing * even
            loss = self.loss_of_rows(y_pred[:, :, number], y["teacher"], labels, temperature, alpha)
            total += ops.sum(ops.mean(loss, axis=0))
        return total


# %% tags=["folded"]
# How networks side by side are trained and asked
def order(pools, steps, batch, salt):
    """Rows of each step, int [steps, batch, seeds]: a seed goes through its pool, shuffled anew each time."""
    drawn = []
    for number, pool in enumerate(pools):
        draw, rows = np.random.default_rng([seed, salt, number]), []
        while sum(map(len, rows)) < steps * batch:
            rows.append(draw.permutation(pool))
        drawn.append(np.concatenate(rows)[: steps * batch].reshape(steps, batch))
    return np.stack(drawn, axis=-1)


def train(students, rows, inputs, labels, teacher, recipes=None, feed=None, rate=3e-3):
    """Train from the first weights, by `rows` of `order` or by a dataset; labels and logits [n, classes]."""
    if not students.built:
        students(np.zeros((2, rows.shape[2], *inputs.shape[1:]), "float32"))
        students.compile(keras.optimizers.Adam(rate), jit_compile=False, steps_per_execution=50)
        students.optimizer.build(students.trainable_variables)
        students.first = students.get_weights()
    students.set_weights(students.first)
    if recipes is not None:
        students.recipe.assign(recipes.to_numpy())
    for variable in students.optimizer.variables:
        variable.assign(tf.zeros_like(variable))
    students.optimizer.learning_rate = rate
    inputs, labels, teacher = (tf.constant(one, tf.float32) for one in (inputs, labels, teacher))

    @tf.autograph.experimental.do_not_convert
    def fetch(places):
        targets = {"labels": tf.gather(labels, places), "teacher": tf.gather(teacher, places)}
        return tf.gather(inputs, places), targets

    students.fit(feed or tf.data.Dataset.from_tensor_slices(rows).map(fetch).prefetch(2), verbose=0)
    return students


def logits(students, inputs):
    """What every network says of every row, float [n, seeds, recipes, classes]."""
    count = students.last.seeds
    return np.concatenate(
        [
            np.asarray(
                students(np.repeat(inputs[start : start + 512, None], count, axis=1).astype("float32"))
            )
            for start in range(0, len(inputs), 512)
        ]
    )


def cross_entropy(student, teacher, labels, temperature, alpha):
    """The loss of each row for a teacher, who has no teacher."""
    return -ops.sum(labels * ops.log_softmax(student), axis=-1)


# %%
from sklearn.datasets import load_digits

digits = load_digits()
shuffled = np.random.default_rng(seed).permutation(len(digits.data))
shown, judged = shuffled[:1000], shuffled[1000:]
pixels = (digits.data[:, None] / 16 - 0.3).astype("float32")  # [n, places = 1, 64]
which = np.eye(10)[digits.target]

ALONE = pd.DataFrame([(1.0, 0.0, 0.0)], ["alone"], ["temperature", "alpha", "smoothing"])
digit_teacher = train(
    Students(ALONE, [64], 10, cross_entropy, seeds=8),
    order([shown] * 8, 600, 50, salt=1),
    pixels,
    which,
    which,
)
said = logits(digit_teacher, pixels)[:, :, 0].mean(axis=1)  # the ensemble's logits, [n, 10]

# %% tags=["folded", "atol=2"]
missed = logits(digit_teacher, pixels[judged])[:, :, 0].argmax(-1) != digits.target[judged][:, None]
ensemble_missed = (said[judged].argmax(-1) != digits.target[judged]).sum()
figures.md(
    f"Errors among {len(judged)} digits: a member **{missed.sum(axis=0).mean():.0f}** on average, the "
    f"ensemble **{ensemble_missed:.0f}**."
)

# %% [markdown]
# A label says "3". The teacher says "3, and if not, then rather 9 than 6": it ranks the wrong answers, too.
# But it is so sure that these chances are next to nothing, and a loss hardly sees them. So the logits *z*
# are divided by a **temperature** T before the softmax: *p* = exp(*z*/T) / Σ exp(*z*/T). Three classes:
#
# | logits | T = 1 | T = 4 |
# | --- | --- | --- |
# | 8, 4, 0 | 0.98, 0.018, 0.0003 | 0.67, 0.24, 0.09 |
# | 0, 0, 0 | 1/3, 1/3, 1/3 | 1/3, 1/3, 1/3 |
# | 2, 2, 0 | 0.47, 0.47, 0.06 | 0.38, 0.38, 0.23 |
# | 1000, 998, 0 | 0.88, 0.12, 0 | 0.62, 0.38, 0 |
#
# The last row bites: exp(1000) is infinite in floats, infinite by infinite is no number, and a loss of NaN
# spreads to all weights. Subtracting the row's largest logit first changes no chance.

# %% [markdown] exercise="3.7a"
# ### Exercise 3.7a: Softer (1 point)
#
# Write `soften(logits, temperature)`: the chances at a temperature, by numpy, as an array of the same
# shape. The last axis is that of the classes; there may be axes before it, one or more, or none. Logits may
# be as large as in the table.


# %% tags=["starter"] exercise="3.7a"
def soften(logits, temperature):
    """Chances [..., classes] at the temperature, from logits [..., classes]."""
    ...


# %% tags=["solution"] exercise="3.7a"
def soften(logits, temperature):
    """Chances [..., classes] at the temperature, from logits [..., classes]."""
    scaled = np.asarray(logits, float) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# %% exercise="3.7a"
soften = lesson.check("3.7a", soften=soften)

# %%
threes = shown[digits.target[shown] == 3]
middle = {f"T = {t}": soften(said[threes], t).mean(axis=0) for t in (1, 4, 8)}
of_threes = pd.DataFrame(middle).rename_axis("digit")

# %% tags=["folded", "atol=0.02"]
figures.bars(
    of_threes,
    "At T = 1 a teacher says little more of a 3 than its label; at T = 4 and 8 it ranks the rest",
    x="mean chance that the teacher gives to each digit, pictures of a 3",
    form="{:.2f}",
)

# %% tags=["claim"]
rest = of_threes.drop(3)
assert of_threes.loc[3, "T = 1"] > 0.97, "at T = 1 it says little more than the label"
assert rest["T = 4"].sum() > 0.15 and rest["T = 8"].sum() > rest["T = 4"].sum(), "at T = 4 and 8 more"
assert rest["T = 4"].idxmax() == 9 and rest["T = 4"].nsmallest(3).max() < 0.03, "9 first, some hardly at all"

# %% [markdown]
# If it isn't a 3, then rather a 9, says this teacher; three of the other digits it hardly thinks of.
#
# **On Monday:** keep a teacher's *logits*, not its chances: every temperature can be had from them.

# %% [markdown]
# ## 2 The loss
#
# The student's softened chances are to be like the teacher's. How unlike they are, the **Kullback–Leibler
# divergence** says: KL(*p*, *q*) = Σ *p* · (log *p* − log *q*), with *p* the teacher's and *q* the
# student's, both at T; zero where they agree. Where there are labels, the usual cross-entropy joins, at
# temperature 1:
#
# *loss* = α · T² · KL(*p*, *q*) + (1 − α) · cross-entropy(labels, student)
#
# For two classes, T = 2, α = 0.5, and the label "first":
#
# | student | teacher | T² · KL | cross-entropy | loss |
# | --- | --- | ---: | ---: | ---: |
# | 2, 0 | 2, 0 | 0 | 0.127 | 0.063 |
# | 0, 0 | 2, 0 | 0.444 | 0.693 | 0.568 |
# | 0, 0 | 0, 0 | 0 | 0.693 | 0.347 |
# | 0, 0, without a label | 2, 0 | 0.444 | 0 | 0.222 |
#
# The last row: a row without a label has a row of zeros in its place. Its cross-entropy is 0, and moves
# nothing.

# %% [markdown] exercise="3.7b"
# ### Exercise 3.7b: The distillation loss (2 points)
#
# Write `distillation_loss(student, teacher, labels, temperature, alpha)` with `keras.ops`, so that Keras
# can differentiate it. `student` and `teacher` are logits, `labels` one-hot, smoothed, or all zeros
# (smoothing, done before in `compute_loss`, leaves a row of zeros as it is); all three [..., classes].
# `temperature` and `alpha` are numbers. Give back the loss of each row, [...], not their mean. Logits
# may be as large as 1,000, so take `ops.log_softmax` and not the logarithm of a softmax.


# %% tags=["starter"] exercise="3.7b"
def distillation_loss(student, teacher, labels, temperature, alpha):
    """Loss of each row, [...], from logits and labels [..., classes]."""
    ...


# %% tags=["solution"] exercise="3.7b"
def distillation_loss(student, teacher, labels, temperature, alpha):
    """Loss of each row, [...], from logits and labels [..., classes]."""
    p = ops.log_softmax(teacher / temperature, axis=-1)
    q = ops.log_softmax(student / temperature, axis=-1)
    soft = ops.sum(ops.exp(p) * (p - q), axis=-1)
    hard = -ops.sum(labels * ops.log_softmax(student, axis=-1), axis=-1)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


# %% exercise="3.7b"
distillation_loss = lesson.check("3.7b", distillation_loss=distillation_loss)

# %% [markdown]
# Why T²? The gradient of the divergence by the student's logits is (*q* − *p*) / T. As T grows, both *q*
# and *p* come near to 1/C, with C classes, and their difference is about (*z* − *v*) / (C·T), if the
# student's logits *z* and the teacher's *v* both have mean zero. So the gradient shrinks as 1/T², and the
# factor brings it back: at high T, distilling is **matching logits**, with the gradient (*z* − *v*) / C
# (Hinton, Vinyals and Dean, 2015). Your loss must show that. Its gradient comes from Keras, and once more
# from finite differences, on 200 digits and a student that is half as sure.

# %%
teacher_z = said[judged[:200]].astype(float)
teacher_z -= teacher_z.mean(axis=1, keepdims=True)
student_z = 0.5 * np.roll(teacher_z, 1, axis=0)
matching = (student_z - teacher_z) / 10


def slope(temperature):
    """The loss's gradient by the student's logits, all rows at once."""
    z = tf.constant(student_z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = distillation_loss(z, tf.constant(teacher_z), tf.zeros_like(z), temperature, 1.0)
    return tape.gradient(loss, z).numpy()


warmths = [1.0, 2.0, 4.0, 8.0, 20.0, 50.0, 200.0]
size = {t: np.linalg.norm(slope(t)) / np.linalg.norm(matching) for t in warmths}
off = {t: np.linalg.norm(slope(t) - matching) / np.linalg.norm(matching) for t in warmths}
limit = pd.DataFrame({"with T²": size, "without T²": {t: size[t] / t**2 for t in warmths}, "difference": off})

# %% tags=["folded", "rtol=0.05", "atol=0.01"]
figures.lines(
    limit.set_axis([f"{t:g}" for t in warmths]),
    "With T², the gradient of distillation becomes that of matching logits",
    x="temperature", y="size, relative to (z − v) / C", form="{:.2f}", marks={"matching logits": 1.0},
)  # fmt: skip

# %% tags=["claim"]
assert limit["difference"].loc[4:].is_monotonic_decreasing and limit["difference"].iloc[-1] < 0.05, (
    "from T = 4 on it becomes that of matching logits"
)
assert 0.95 < limit["with T²"].iloc[-1] < 1.05, "with T² it has the size of matching logits"
assert limit["without T²"].iloc[-1] < 1e-4, "without T² it vanishes"
none_ = np.zeros_like(student_z)
for t_ in (1.0, 8.0):
    for place_ in range(3):
        up_, down_ = (
            np.asarray(distillation_loss(tf.constant(student_z + shift_ * np.eye(10)[place_]),
                                         tf.constant(teacher_z), tf.constant(none_), t_, 1.0))
            for shift_ in (1e-4, -1e-4)
        )  # fmt: skip
        assert np.allclose((up_ - down_) / 2e-4, slope(t_)[:, place_], atol=1e-5), "finite differences agree"
ours_ = np.asarray(distillation_loss(*map(tf.constant, (student_z, teacher_z, none_)), 8.0, 1.0))
keras_ = 64 * np.asarray(keras.losses.kl_divergence(soften(teacher_z, 8), soften(student_z, 8)))
assert np.allclose(ours_, keras_, rtol=1e-4), "Keras's own divergence agrees"

# %% [markdown]
# Finite differences and Keras's own `kl_divergence` agree with this loss. In between, T is a choice: at low T
# the loss ignores classes that the teacher thinks impossible, at high T it copies their logits, too.
#
# **On Monday:** look for T² in the loss before you search a temperature: without it each T weighs teacher
# and labels anew, and the search tunes two things at once.

# %% [markdown]
# ## 3 Cells: a student that needs no teacher
#
# The cells of 1.5, at 32 × 32 pixels: each picture is cut into 64 places of 4 × 4, and four neighbours are
# read together, layer by layer. Whole modules judge, as in 1.5. The teacher is an ensemble of eight, its
# members have 8, 16 and 32 channels; the student has 2, 4 and 8. All see each picture in eight views,
# turned and mirrored, and the teacher has told its logits for each view.
#
# Six recipes. **Label smoothing** is the cheap rival: it softens the *labels*, by a tenth of them spread
# evenly over the classes, and needs no teacher. Students of one seed start from the same weights and see
# the same rows in the same order, so their differences are **paired**.

# %%
RECIPES = pd.DataFrame(
    [(1, 0, 0), (1, 0, 0.1), (1, 1, 0), (2, 1, 0), (4, 1, 0), (8, 1, 0)],
    ["alone", "smoothing", "T = 1", "T = 2", "T = 4", "T = 8"],
    ["temperature", "alpha", "smoothing"],
    dtype=float,
)

# %% tags=["folded"]
# The cells: places of 4 × 4 pixels, neighbours beside each other; eight views of each picture that is learnt
from sklearn.metrics import average_precision_score, roc_auc_score

from helpers import datasets, solar_cells

images, frame = datasets.solar_cells(32)
defective = solar_cells.labels(frame).astype(int)
split = solar_cells.split(frame, seed)
exam = np.sort(np.concatenate([split.validation, split.test]))


def placed(pictures):
    """uint8 [n, 32, 32] → float32 [n, 64, 16]; places 0–3, 4–7, … and the four of these are squares."""
    parts = (pictures.astype("float32") - 150).reshape(len(pictures), 2, 2, 2, 4, 2, 2, 2, 4) / 40
    return parts.transpose(0, 1, 5, 2, 6, 3, 7, 4, 8).reshape(len(pictures), 64, 16)


views = np.concatenate([
    placed(turned if straight else turned[:, :, ::-1])
    for quarters in range(4) for straight in (True, False)
    for turned in [np.rot90(images[split.train], quarters, axes=(1, 2))]
])  # fmt: skip
truth = np.eye(2)[np.tile(defective[split.train], 8)]
every = np.arange(len(views))


def areas(z):
    """ROC-AUC by seed and recipe, from logits [n, seeds, recipes, 2]."""
    sure = z[..., 1] - z[..., 0]
    recipes = RECIPES.index if sure.shape[2] > 1 else ["alone"]
    return pd.DataFrame(
        {
            name: [roc_auc_score(defective[exam], one) for one in sure[..., r].T]
            for r, name in enumerate(recipes)
        }
    )


# %%
cell_teacher = train(
    Students(ALONE, [8, 16, 32], 2, cross_entropy, seeds=8),
    order([every] * 8, 400, 32, salt=2),
    views,
    truth,
    truth,
)
advice = logits(cell_teacher, views).mean(axis=(1, 2))  # the ensemble's logits, [views, 2]
cell_z = logits(cell_teacher, placed(images[exam])).mean(axis=1, keepdims=True)

cell_students = Students(RECIPES, [2, 4, 8], 2, distillation_loss)
cells = {}
for steps in (400, 1200):
    train(cell_students, order([every] * seeds, steps, 32, salt=3), views, truth, advice)
    cells[f"{steps:,} steps"] = areas(logits(cell_students, placed(images[exam])))


# %% tags=["folded"]
# Bytes and multiplications of both
def cost(side, places=1):
    """Bytes of the weights of one network, and the multiplications of one answer."""
    byte = times = 0
    for layer in [*side.hidden, side.last]:
        into, out = layer.kernel.shape[2:]
        byte, times = byte + 4 * (into + 1) * out, times + into * out * max(1, places)
        places //= 4
    return byte, times


# %% tags=["folded", "atol=0.01"]
big, small = (np.array(cost(one, 64)) for one in (cell_teacher, cell_students))
auc = pd.concat({name: scores.mean() for name, scores in cells.items()}, axis=1)
sizes = pd.DataFrame({
    "teacher (eight networks)": [areas(cell_z).alone[0], *(8 * big)],
    "student alone, 400 steps": [auc.loc["alone", "400 steps"], *small],
    "student alone, 1,200 steps": [auc.loc["alone", "1,200 steps"], *small],
    "student at T = 4, 1,200 steps": [auc.loc["T = 4", "1,200 steps"], *small],
}, ["ROC-AUC", "bytes", "multiplications"]).T.rename_axis("cells")  # fmt: skip
figures.table(
    sizes, caption=f"ROC-AUC on {len(exam):,} cells (students: mean of {seeds} seeds), and the cost",
    formats={"bytes": "{:,.0f}", "multiplications": "{:,.0f}"},
)  # fmt: skip

# %% tags=["folded", "atol=0.01"]
effects = {name: gains(scores) for name, scores in cells.items()}
figures.bars(
    pd.DataFrame({name: table.gain for name, table in effects.items()}),
    "Trained briefly, no recipe beats the student alone beyond luck; trained long, soft targets do",
    x="ROC-AUC less that of the student alone, as long trained; 95 % interval over seeds",
    errors={name: (table["from"], table["to"]) for name, table in effects.items()},
    form="{:+.3f}",
)

# %% tags=["claim"]
brief, long = (effects[name] for name in cells)
assert (brief["from"] < 0).all(), "trained briefly, no recipe beats the student alone beyond luck"
assert (long.drop("smoothing")["from"] > 0).all(), "trained long, every temperature beats it"
assert long["from"].smoothing < 0 < long.to.smoothing, "of smoothing one can't tell"
loss_ = cells["1,200 steps"].alone - cells["400 steps"].alone
assert loss_.mean() + 2.57 * loss_.std() / len(loss_) ** 0.5 < 0, "training long harmed the student alone"
late_ = cells["1,200 steps"]["T = 4"] - cells["400 steps"].alone
kept_ = cells["1,200 steps"]["T = 4"] - cells["400 steps"]["T = 4"]
assert kept_.mean() + 2.57 * kept_.std() / len(kept_) ** 0.5 > 0, "of those with a teacher it can't be said"
assert abs(late_.mean()) < 2.57 * late_.std() / len(late_) ** 0.5, (
    "against the one stopped in time: can't tell"
)
assert np.ptp(auc.loc["T = 1":, "1,200 steps"].to_numpy()) < 0.01, (
    "the temperatures lie within .01 of each other"
)

# %% [markdown]
# Three things. Trained long, the student alone gets *worse*; of those with a teacher that can't be said,
# and at every temperature they are then better than it. Of smoothing these seeds can't tell. But stopping
# in time is free: between the student alone after 400 steps and the one at T = 4 after 1,200 these seeds
# can't tell either. And the temperatures lie close to each other, as one would expect of two classes: there
# are no wrong answers to rank.
#
# (The intervals speak of the luck of training. Other modules give other values: with `seed = 5` those
# trained briefly at T = 4 and 8 gain a little, too. 3.4 shows how to draw modules.)
#
# **On Monday:** before you distil, train the small model alone and stop it in time. It may be good enough.

# %% [markdown]
# ## 4 Flights: when it pays
#
# Now the alert of 1.1. The teacher is gradient boosting, a hundred trees on a third of the flights of
# January to June. The student is a network of 16 hidden units, judged on July by average precision (1.3).
# It gets **few labels**: 2,000. Perhaps outcomes may not be kept for long; but timetable and weather of
# 38,000 other flights are there, and the teacher can be asked about each of them. They need no label.

# %% tags=["folded"]
# The flights as numbers; a third of January to June teaches the teacher, of July a third judges
from sklearn.ensemble import HistGradientBoostingClassifier

from helpers.flights import examples

flights = examples.table(range(1, 8))
early, month = flights.month < 7, flights.month.to_numpy()
numbers = flights[examples.NUMBERS].fillna(flights[examples.NUMBERS].median())
numbers = (numbers - numbers[early].mean()) / numbers[early].std()
turn = flights.day_minute / 1440 * 2 * np.pi
codes = [pd.get_dummies(flights[name]).to_numpy() for name in ("carrier", "origin")]
facts = np.column_stack([numbers, np.sin(turn), np.cos(turn), *codes]).astype("float32")
late, place = flights.late.to_numpy(), np.arange(len(flights))
taught, spare = place[early & (place % 3 == 0)], place[early & (place % 3 != 0)]
july = place[~early & (place % 3 == 0)]


def precision(z):
    """Average precision in July by seed and recipe, from logits [n, seeds, recipes, 2]."""
    sure = z[..., 1] - z[..., 0]
    return pd.DataFrame({
        name: [average_precision_score(late[july], one) for one in sure[..., r].T]
        for r, name in enumerate(RECIPES.index)
    })  # fmt: skip


def boosting(outcomes):
    """Logits [flights, 2] of a hundred trees that learnt from these outcomes; and the trees."""
    trees = HistGradientBoostingClassifier(max_iter=100, random_state=seed).fit(
        facts[taught], outcomes[taught]
    )
    return np.column_stack([np.zeros(len(facts)), trees.decision_function(facts)]), trees


# %%
trees_say, trees = boosting(late)
outcome = np.eye(2)[late]
one_place = facts[:, None]  # [flights, places = 1, facts]
pools = [
    np.random.default_rng([seed, n]).permutation(spare)[:40_000] for n in range(seeds)
]  # each seed has flights of its own
few = [pool[:labelled] for pool in pools]

flight_students = Students(RECIPES, [16], 2, distillation_loss)
in_july = {}
for name, rows in {
    "few": order(few, 400, 256, salt=4),
    "few, twice as long": order(few, 800, 256, salt=4),
    "all": order(pools, 400, 256, salt=4),
}.items():
    train(flight_students, rows, one_place, outcome, trees_say)
    july_z = logits(flight_students, one_place[july])
    in_july[name] = precision(july_z)
teacher_there = average_precision_score(late[july], trees_say[july, 1])

# %% [markdown]
# With α = 1 the recipes T = 1 to T = 8 look at no label. So the third run is two things at once: for them
# it is 2,000 labelled flights and 38,000 that only the teacher was asked about; for *alone* and *smoothing*
# it is what they would be if all 40,000 labels were there.
#
# The student alone with few labels is worse than the teacher. Where does a student at T = 1 end who has
# asked about all 40,000?

# %% prediction="3.7p1"
guess = ...  # one of the three
lesson.predict(
    "3.7p1", guess, among=("no better than alone", "nearer to alone", "nearer to the teacher, or beyond")
)

# %%
few_alone, asked = in_july["few"].alone, in_july["all"]["T = 1"]
way = (asked.mean() - few_alone.mean()) / (teacher_there - few_alone.mean())
ends = ("no better than alone", "nearer to alone", "nearer to the teacher, or beyond")
lesson.reveal("3.7p1", ends[int(np.searchsorted([0, 0.5], way))])

# %% tags=["folded", "atol=0.01", "rtol=0.02"]
nodes = [tree[0].nodes for tree in trees._predictors]
alike = cost(flight_students)
figures.table(
    pd.DataFrame(
        [
            (f"teacher, {len(taught):,} labels", teacher_there, sum(one.nbytes for one in nodes),
             f"≤ {sum(int(one['depth'].max()) for one in nodes):,} comparisons"),
            *((name, value.mean(), alike[0], f"{alike[1]} multiplications") for name, value in {
                f"student alone, {labelled:,} labels": few_alone,
                "the same, trained twice as long": in_july["few, twice as long"].alone,
                f"T = 1, the same {labelled:,} flights": in_july["few"]["T = 1"],
                f"T = 1, {len(pools[0]) - labelled:,} others asked": asked,
                f"student alone, {len(pools[0]):,} labels": in_july["all"].alone,
            }.items()),
        ], columns=["flights", "precision", "bytes", "an answer"],
    ).set_index("flights"),
    caption=f"Average precision in July (students: mean of {seeds} seeds)", formats={"precision": "{:.3f}"},
)  # fmt: skip

# %% tags=["folded", "atol=0.01"]
worth = pd.concat({
    "few labels": gains(in_july["few"]),
    "few labels, others asked": gains(in_july["all"].assign(alone=few_alone).drop(columns="smoothing")),
    "all labels": gains(in_july["all"]),
}, axis=1).reindex(RECIPES.index[1:])  # fmt: skip
situations = list(dict.fromkeys(worth.columns.get_level_values(0)))
figures.bars(
    worth.xs("gain", axis=1, level=1)[situations],
    "With few labels a teacher is worth much; with all labels one can't tell whether anything",
    x="average precision less that of the student alone; 95 % interval over seeds",
    errors={name: (worth[name]["from"], worth[name]["to"]) for name in situations},
    form="{:+.3f}",
)

# %% tags=["claim"]
hot = RECIPES.index[2:]
assert (worth["few labels"].loc[hot, "from"] > 0).all(), "with few labels a teacher is worth much"
assert (worth["few labels, others asked"].loc[hot, "from"] > 0).all(), "others asked, too"
assert (worth["all labels"]["from"] < 0).all(), "with all labels one can't tell whether anything"
assert (gains(in_july["few"], "smoothing").loc[hot, "from"] > 0).all(), (
    "every temperature gains more than smoothing"
)
apart_ = pd.DataFrame(
    {
        "alone": in_july["all"].alone,
        "taught": in_july["few"]["T = 1"],
        "asked": asked,
        "short": few_alone,
        "long": in_july["few, twice as long"].alone,
    }
)
ends_ = gains(apart_, "taught")
first_ = worth["few labels"].gain["T = 1"] / worth["few labels, others asked"].gain["T = 1"]
assert first_ > 0.6, "most of the gain is there with the same 2,000 flights"
trees_ = sum(int(one["depth"].max()) for one in nodes)
assert sum(one.nbytes for one in nodes) > 100 * alike[0] and 0.2 < trees_ / alike[1] < 5, "bytes, operations"
assert ends_["from"].asked < 0 < ends_.to.asked, "whether asking about others adds to it: can't tell"
assert ends_["from"].alone < 0 < ends_.to.alone, "2,000 with a teacher, 40,000 labels without: can't tell"
assert gains(apart_, "short").to.long < 0, "trained twice as long, the student alone is worse"
near_ = asked - (few_alone + teacher_there) / 2
assert near_.mean() - 2.57 * near_.std() / seeds**0.5 > 0, "nearer to the teacher than to the student alone"
day_, draw_, by_days_ = flights.time_hour.iloc[july].dt.day.to_numpy(), np.random.default_rng(1), []
sure_ = july_z[:, :, 2, 1] - july_z[:, :, 2, 0]
for _ in range(100):
    those_ = np.concatenate([np.flatnonzero(day_ == day) for day in draw_.integers(1, 32, 31)])
    by_days_.append(
        average_precision_score(late[july][those_], sure_[those_, draw_.integers(seeds)])
        - average_precision_score(late[july][those_], trees_say[july][those_, 1])
    )
assert np.quantile(by_days_, 0.025) < 0 < np.quantile(by_days_, 0.975), "days drawn anew: either way"

# %% [markdown]
# With 2,000 labels, a teacher lifts the student at every temperature. The one who asked about all 40,000
# comes up to the teacher; whether it is beyond can't be told, for with July's days drawn anew the
# difference goes either way. Most of the gain is there with the teacher's word on the same 2,000
# flights; whether the 38,000 others add to it, six seeds can't tell. A hard label is one draw from a
# chance, and a teacher says how large it takes the chance to be. The cheap ways don't do it: trained
# twice as long the student alone is worse, and smoothing gains less than a teacher at any temperature.
#
# With all 40,000 labels a teacher adds nothing that these seeds could show; and 2,000 flights with a
# teacher can't be told from 40,000 labels without one. So a teacher stands in for labels, and who has them
# may not need it. "Smaller" has two meanings here: in bytes the student is over a hundred times smaller, in
# operations of the same order.
#
# **On Monday:** count the labels that the small model may see before you count parameters.

# %% [markdown]
# ## 5 A digit never shown
#
# What do soft targets hold of a class that the student never meets? Take all pictures of a 3 out of what
# the digits' students learn from. To them 3 is a "mythical digit": no label and no picture, only the small
# chances that the teacher gives it on pictures of other digits. Sixteen hidden units, α = 1, as before.

# %%
is_three = digits.target[judged] == 3
others = shown[digits.target[shown] != 3]
digit_students = Students(RECIPES, [16], 10, distillation_loss)
train(digit_students, order([others] * seeds, 600, 50, salt=5), pixels, which, said)
z = logits(digit_students, pixels)  # [digits, seeds, recipes, 10]

# %% tags=["folded"]
figures.md(f"Among the {len(judged)} judged digits are **{is_three.sum()}** threes.")

# %% [markdown]
# How many of the threes does a student at T = 8 call by their name, on average over the seeds?

# %% prediction="3.7p2"
guess = ...  # a number of threes
lesson.predict("3.7p2", guess)

# %% tags=["atol=6"]
named = pd.DataFrame((z[judged][is_three].argmax(-1) == 3).sum(axis=0), columns=RECIPES.index)
lesson.reveal("3.7p2", named["T = 8"].mean(), within=8, form="{:.0f} threes")

# %% [markdown]
# Hinton and others saw the same on MNIST, with 206 errors. The bias of the class was too low, for in
# training it never was the answer; raised by 3.5 it left 109 errors. We choose it without a label: about
# a tenth of all digits are threes, so raise the bias until a tenth of *unlabelled* pictures are said
# to be one.

# %% [markdown] exercise="3.7c"
# ### Exercise 3.7c: A bias from a share (1 point)
#
# Write `bias_for(logits, digit, share)`: the number to add to the logit of class `digit` in every row, so
# that `share` of the rows are said to be it; the smallest such number. Those are `round(share * rows)`
# rows, at least one. `logits` is an array [rows, classes]; a tie goes to `digit`. For `digit=2` and
# `share=0.5`, two rows of four, the answer is 1:
#
# | logits of 0, 1, 2 | best other | needs |
# | --- | ---: | ---: |
# | 5, 1, 4 | 5 | 1 |
# | 2, 0, 3 | 2 | −1 |
# | 1, 6, 2 | 6 | 4 |
# | 3, 2, 0.5 | 3 | 2.5 |


# %% tags=["starter"] exercise="3.7c"
def bias_for(logits, digit, share):
    """The smallest bias with which that share of the rows is said to be the digit."""
    ...


# %% tags=["solution"] exercise="3.7c"
def bias_for(logits, digit, share):
    """The smallest bias with which that share of the rows is said to be the digit."""
    needs = np.delete(logits, digit, axis=1).max(axis=1) - logits[:, digit]
    return np.sort(needs)[max(1, round(share * len(logits))) - 1]


# %% exercise="3.7c"
bias_for = lesson.check("3.7c", bias_for=bias_for)

# %%
bias = np.array([[bias_for(z[shown, s, r], 3, 0.1) for r in range(len(RECIPES))] for s in range(seeds)])
mended = z + bias[:, :, None] * np.eye(10)[3]
target = digits.target[judged][:, None, None]
errors, after = (
    pd.DataFrame((one[judged].argmax(-1) != target).sum(axis=0), columns=RECIPES.index) for one in (z, mended)
)

# %% tags=["folded", "atol=8"]
gap = {"as trained": errors, "with the bias": after}
half = stats.t.ppf(0.975, seeds - 1) / np.sqrt(seeds)
figures.bars(
    pd.DataFrame({name: one.mean() for name, one in gap.items()}),
    "Hot soft targets teach a digit that was never shown; a bias brings out more",
    x=f"errors among {len(judged)} digits, {is_three.sum()} of them threes; 95 % interval over seeds",
    errors={
        name: (one.mean() - half * one.std(), one.mean() + half * one.std()) for name, one in gap.items()
    },
    form="{:.0f}", marks={"threes": float(is_three.sum())},
)  # fmt: skip

# %% tags=["claim"]
assert (named[["alone", "smoothing"]] == 0).all(axis=None), "from labels alone, no three is found"
assert named.mean()["T = 1":].is_monotonic_increasing, "the hotter, the more threes are found"
warmer = gains(named, "T = 1").loc[["T = 4", "T = 8"]]
assert (warmer["from"] > 0).all(), "beyond luck from T = 1 to T = 4 and T = 8"
helped = (after - errors)[["T = 1", "T = 2", "T = 4", "T = 8"]]
assert (helped.mean() + half * helped.std() < 0).all(), "the bias saves errors at every temperature"
for cold_ in ("T = 1", "T = 2"):
    more_ = helped[["T = 4", "T = 8"]].sub(helped[cold_], axis=0)
    assert (more_.mean() - half * more_.std() > 0).all(), "most where the soft targets were cold"
assert after.mean()["T = 8"] < after.mean()["alone"] / 2, "labels alone can't be mended so"

# %% [markdown]
# From labels alone no three is found, and with the bias the student alone still makes more than twice the
# errors of the one at T = 8. With soft targets the students know threes by what the teacher said of *other*
# pictures, the hotter the more: here temperature matters. The bias saves errors at every temperature, and
# most where the targets were cold: there much was learnt, and hidden by a threshold.
#
# **On Monday:** when classes are rare in your transfer set, distil hot, and compare the share of each class
# that the student says with the share that you know.

# %% [markdown]
# ## 6 What breaks in production
#
# ### A mistake is handed down
#
# The airport's feed wrote "on time" for every JetBlue flight (B6) for half a year. The teacher learnt from
# that. The feed was mended; the student's own 40,000 labels are right. Six recipes at T = 1, from the
# labels alone (α = 0) to the teacher alone (α = 1). What will it say of JetBlue?
#
# At T = 1 it can be reckoned. Both parts are cross-entropies, so their sum is smallest at the mixture of
# what they ask for: α · (the teacher's chance) + (1 − α) · (what the labels alone teach, the student at
# α = 0).

# %%
jetblue = (flights.carrier == "B6").to_numpy()
wrong_say, _ = boosting(np.where(jetblue, 0, late))
MIX = pd.DataFrame({"temperature": 1.0, "alpha": [0, 0.2, 0.4, 0.6, 0.8, 1], "smoothing": 0.0})
MIX.index = [f"α = {alpha:g}" for alpha in MIX.alpha]

train(flight_students, order(pools, 400, 256, salt=4), one_place, outcome, wrong_say, MIX)
chance = soften(logits(flight_students, one_place[july]), 1)[..., 1]  # [flights, seeds, recipes]

# %% tags=["folded", "atol=0.02"]
of_b6, of_rest = (
    pd.DataFrame(chance[those].mean(axis=0), columns=MIX.index) for those in (jetblue[july], ~jetblue[july])
)
reckoned = (
    MIX.alpha * soften(wrong_say[july][jetblue[july]], 1)[:, 1].mean()
    + (1 - MIX.alpha) * of_b6.mean().iloc[0]
)
figures.lines(
    pd.DataFrame({"JetBlue": of_b6.mean(), "reckoned": reckoned, "all others": of_rest.mean()}),
    "The more a student listens, the more of the teacher's mistake it has",
    x="share of the teacher in the loss", y="mean chance of being late, July", form="{:.2f}",
)  # fmt: skip

# %% tags=["folded", "atol=0.02"]
precise = precision(logits(flight_students, one_place[july])).set_axis(MIX.index, axis=1)
figures.md(
    f"In July **{late[july][jetblue[july]].mean():.0%}** of JetBlue's flights were late. Average precision "
    f"of all flights: **{precise['α = 0'].mean():.2f}** (α = 0), **{precise['α = 1'].mean():.2f}** (α = 1)."
)

# %% tags=["claim"]
assert (np.diff(of_b6, axis=1) < 0).all(), "the more a student listens, the more mistaken, in every seed"
assert np.abs(of_b6.mean() - reckoned).max() < 0.03, "it is what was reckoned"
assert np.ptp(of_rest.mean().to_numpy()) < 0.03, "the others' chances hardly move"
assert (gains(precise, "α = 0").to < 0).all(), "every share of the teacher costs precision"
assert soften(wrong_say[july][jetblue[july]], 1)[:, 1].mean() < 0.01, "the teacher's chance is a zero"

# %% [markdown]
# The students' labels were right, and they learnt the mistake, in the measure in which they listened. The
# others' chances hardly move. Average precision falls, but doesn't say whose; a slice by carrier does
# (3.8). Ask the *teacher* before you distil: its mean chance by carrier, beside the share that was late,
# shows a zero at once.
#
# ### Soft targets in another order
#
# A teacher is asked once, and its logits are cached. Several workers write the cache, each its own airport,
# and the rows come back in another order. All counts and means are right, nothing raises.

# %%
step = 256 * seeds
rows = pools[0][: len(pools[0]) // step * step]  # whole steps
order_of_workers = flights.loc[rows].sort_values(["origin", "time_hour"], kind="stable").index
cache = pd.DataFrame(trees_say, columns=["on time", "late"]).loc[order_of_workers]  # indexed by flight

# %% [markdown] exercise="3.7d"
# ### Exercise 3.7d: The right pairs (2 points)
#
# Write `paired(ids, inputs, labels, cache, batch, seed)` with `tf.data`: a dataset of one epoch, in batches
# of `(inputs, {"labels": labels, "teacher": logits})`. `inputs` and `labels` are arrays in the order of
# `ids`; `cache` is a DataFrame of logits, indexed by id, in any order. A row whose id isn't in the cache is
# left out; what else the cache holds is ignored. Shuffle over all rows, by `seed`, anew in each epoch; keep
# a last, smaller batch.
#
# | ids | inputs | cache, index | logits | pairs |
# | --- | --- | --- | --- | --- |
# | 7 | a | 9 | 0, 3 | a with 0, 1 |
# | 8 | b | 7 | 0, 1 | |
# | 9 | c | 5 | 0, 2 | c with 0, 3 |


# %% tags=["starter"] exercise="3.7d"
def paired(ids, inputs, labels, cache, batch, seed):
    """A dataset of batches (inputs, {"labels": …, "teacher": …}), each row with the logits of its id."""
    ...


# %% tags=["solution"] exercise="3.7d"
def paired(ids, inputs, labels, cache, batch, seed):
    """A dataset of batches (inputs, {"labels": …, "teacher": …}), each row with the logits of its id."""
    known = np.isin(ids, cache.index)
    teacher = cache.loc[np.asarray(ids)[known]].to_numpy()
    rows = tf.data.Dataset.from_tensor_slices((inputs[known], {"labels": labels[known], "teacher": teacher}))
    return rows.shuffle(max(1, len(teacher)), seed=seed).batch(batch)


# %% exercise="3.7d"
paired = lesson.check("3.7d", paired=paired)


# %% tags=["folded"]
# A batch of 256 rows for each seed, out of one of 256 · seeds
@tf.autograph.experimental.do_not_convert
def side_by_side(inputs, targets):
    inputs, *two = (
        tf.cast(tf.reshape(one, [256, seeds, *one.shape[1:]]), tf.float32)
        for one in (inputs, targets["labels"], targets["teacher"])
    )
    return inputs, dict(zip(("labels", "teacher"), two, strict=True))


# %%
ways = {"paired by id": cache, "paired by place": cache.set_axis(rows)}
by_way = {}
for name, one in ways.items():
    feed = paired(rows, one_place[rows], outcome[rows], one, step, seed)
    feed = feed.repeat().take(200).map(side_by_side)
    train(flight_students, None, one_place, outcome, trees_say, feed=feed)
    by_way[name] = precision(logits(flight_students, one_place[july]))["T = 1"]
by_way = pd.DataFrame(by_way)

# %% tags=["folded", "atol=0.03"]
span = half * by_way.std()
figures.bars(
    by_way.mean(),
    "Paired by place, one can't tell a student from no model at all",
    x="average precision in July at T = 1; 95 % interval over seeds",
    errors={None: (by_way.mean() - span, by_way.mean() + span)},
    form="{:.2f}", marks={"share late": float(late[july].mean())},
)  # fmt: skip

# %% tags=["claim"]
assert (by_way["paired by id"] - by_way["paired by place"] > 0.15).all(), "paired by place it learns little"
assert abs(by_way["paired by place"].mean() - late[july].mean()) < span["paired by place"], (
    "paired by place, one can't tell the student from no model at all"
)
assert np.allclose(cache.mean(), trees_say[rows].mean(axis=0), atol=1e-6), "all means are right"
ten_ = rows[np.random.default_rng(1).permutation(len(rows))[:10]]
by_id_, by_place_ = (np.isclose(one.loc[ten_, "late"], trees_say[ten_, 1]).sum() for one in ways.values())
assert by_id_ == 10 and by_place_ < 5, (
    "ten rows asked anew show a cache paired by place, and find none wrong by id"
)

# %% [markdown]
# Join by key, never by place; and before training ask the teacher about ten rows anew and compare.
#
# ### A teacher that was replaced
#
# JetBlue's mistake is found, and a teacher trained on right labels takes the old one's place. Student and
# cache are copies of what the old one said. Nothing updates them.

# %% tags=["folded", "atol=0.02"]
of_july = july[jetblue[july]]
handed = pd.DataFrame({
    "teacher of then": soften(wrong_say[of_july], 1)[:, [1]].mean(axis=0).repeat(seeds),
    "its student, today": of_b6["α = 1"].to_numpy(),
    "teacher of today": soften(trees_say[of_july], 1)[:, [1]].mean(axis=0).repeat(seeds),
})  # fmt: skip
figures.bars(
    handed.mean(),
    "The teacher is mended, and its student says what the old one said",
    x="mean chance of being late, JetBlue in July",
    form="{:.2f}", marks={"share late": float(late[of_july].mean())},
)  # fmt: skip

# %% tags=["claim"]
gone_ = (handed["its student, today"] - handed["teacher of then"]).abs()
left_ = (handed["its student, today"] - handed["teacher of today"]).abs()
assert (gone_ < 0.1 * left_).all(), "in every seed the student says what the old teacher said"
drawn_ = rows[np.random.default_rng(2).permutation(len(rows))[:10]]
assert not np.isclose(wrong_say[drawn_, 1], trees_say[drawn_, 1], atol=1e-3).any(), (
    "ten rows find the old cache"
)

# %% [markdown]
# The ten rows find this, too: none of them has the old teacher's logit any more.
#
# **On Monday:** store id and the teacher's version beside each cached logit, and let the loader refuse what
# doesn't fit.

# %% [markdown]
# ## What you did
#
# - You softened logits safely, and saw what a teacher says of a 3 beyond its label.
# - You wrote the distillation loss in Keras; at high T its gradient became that of matching logits.
# - You compared five recipes with a student trained alone, on paired seeds, on cells and on flights.
# - You saw a teacher pay where labels were few, and not where there were enough or training stopped in time.
# - You recovered a digit that no student was shown, by heat and by a bias from a known share.
# - You measured a mistake being handed down, in proportion to α, and paired a cache by id.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# What is in it, about 5 minutes: a transfer set of another season, the digit for smaller and larger
# students, and time beside multiplications.
#
# ### February or May
#
# Which flights the teacher is asked about, is a choice. Here 10,000 of February or 10,000 of May, each with
# their own labels for the student alone; July judges.

# %%
seasons = {}
for name, number in {"February": 2, "May": 5}.items():
    there = spare[month[spare] == number]
    there = [np.random.default_rng([seed, n]).permutation(there)[:10_000] for n in range(seeds)]
    train(flight_students, order(there, 400, 256, salt=6), one_place, outcome, trees_say)
    seasons[name] = precision(logits(flight_students, one_place[july]))[["alone", "T = 1"]]

# %% tags=["folded", "atol=0.02"]
figures.bars(
    pd.DataFrame({name: one.mean() for name, one in seasons.items()}).T,
    "February's flights teach less of July than May's, with labels and with a teacher",
    x="average precision in July, mean over seeds", form="{:.2f}",
)  # fmt: skip

# %% tags=["claim"]
for recipe_ in ("alone", "T = 1"):
    worse_ = seasons["May"][recipe_] - seasons["February"][recipe_]
    assert worse_.mean() - half * worse_.std() > 0, "February teaches less of July than May"
for name_ in seasons:
    more_ = seasons[name_]["T = 1"] - seasons[name_].alone
    assert more_.mean() - half * more_.std() > 0, "in both a teacher helps"

# %% [markdown]
# The teacher has learnt from June as well, but asked about winter flights it answers about winter. Still it
# helps in both months. Choose transfer rows like those that the student will meet.
#
# ### The digit again, in two other sizes

# %%
found = {}
for width in (8, 64):
    sized = Students(RECIPES, [width], 10, distillation_loss)
    train(sized, order([others] * seeds, 600, 50, salt=5), pixels, which, said)
    answer = logits(sized, pixels)[judged][is_three].argmax(-1)
    found[f"{width} hidden units"] = pd.DataFrame((answer == 3).sum(axis=0), columns=RECIPES.index)

# %% tags=["folded", "atol=8"]
found = {
    "8 hidden units": found["8 hidden units"],
    "16, as above": named,
    "64 hidden units": found["64 hidden units"],
}
figures.table(
    pd.DataFrame({name: one.mean() for name, one in found.items()}).T.rename_axis("student"),
    caption=f"Threes called by their name, of {is_three.sum()} (mean of {seeds} seeds)",
    formats=dict.fromkeys(RECIPES.index, "{:.0f}"),
)

# %% tags=["claim"]
for one_ in found.values():
    assert (one_[["alone", "smoothing"]] == 0).all(axis=None), "from labels alone no three, in any size"
    hotter_ = one_["T = 8"] - one_["T = 1"]
    assert hotter_.mean() - half * hotter_.std() > 0, "at T = 8 more than at T = 1, in every size"
small_, large_ = (found[f"{width_} hidden units"]["T = 2"] for width_ in (8, 64))
assert small_.mean() + half * small_.std() < 0.1 * is_three.sum(), "at T = 2 the smallest names hardly any"
assert large_.mean() - half * large_.std() > 0.5 * is_three.sum(), "at T = 2 the largest names most"

# %% [markdown]
# In each size labels alone teach no three, and T = 8 teaches more of them than T = 1. How hot is hot enough
# depends on the student: at T = 2 the smallest names hardly any three, the largest most of them.

# %% [markdown]
# ### Multiplications and time
#
# The tables above count bytes and multiplications, which are the same on every machine. Time isn't, and
# follows them only where there is much to multiply. The cells' teacher and one student, timed in turn:

# %% tags=["folded"]
# Teacher and one student, timed in turn, the best of nine; only words are printed
import time

one_student = Students(ALONE, [2, 4, 8], 2, cross_entropy, seeds=1)
best = {}
for _ in range(9):
    for model, copies in ((cell_teacher, 8), (one_student, 1)):
        for count in (1, 512):
            pictures = tf.constant(np.repeat(views[:count, None], copies, axis=1))
            began = time.perf_counter()
            model(pictures).numpy()
            best[copies, count] = min(best.get((copies, count), np.inf), time.perf_counter() - began)
times_less = {count: best[8, count] / best[1, count] for count in (1, 512)}
fewer = 8 * big[1] / small[1]
figures.md(
    f"The student multiplies **{fewer:.0f} times** less. Time: for 512 pictures at once "
    f"{'more than 3 times less' if times_less[512] > 3 else 'less than 3 times less'}, for one picture "
    f"{'less than 10 times less' if times_less[1] < 10 else 'more than 10 times less'}."
)

# %% tags=["claim"]
assert fewer > 50 and times_less[512] > 3 and times_less[1] < 10, "time falls less than multiplications"

# %% [markdown]
# For one picture most of the time goes into calls, of which both make as many. Measure at the batch size
# that you serve.
