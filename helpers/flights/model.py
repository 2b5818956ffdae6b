"""The model of "Late?": wide and deep members, trained apart and averaged, on what
features.preprocessing_fn gives out.

Wide: one weight per category, and per carrier and hour, which is the rule of thumb of the trade. Deep:
embeddings and weather through two dense layers. Source: Cheng et al. 2016, arXiv 1606.07792. Members differ
by their seed alone; the mean of their logits is a little better than any of them and much steadier
(Lakshminarayanan et al. 2017, arXiv 1612.01474).
"""

import keras

from helpers.flights import features

EMBEDDING = 8
WEIGHT_DECAY = 1e-4
FADE = 1e-6  # L2 on embeddings: rows seldom seen stay near zero


def build(sizes: dict[str, int], hidden: tuple[int, ...] = (64, 32), dropout: float = 0.2) -> keras.Model:
    """One member. `sizes`: how many values each of features.CATEGORIES has. Input: a dict of int64 [n, 1]
    categories and float32 [n, N_NUMBERS] numbers. Output: the logit of being late, float32 [n, 1]."""
    inputs = _inputs()
    # Without the cross: deep layers cross for themselves
    alone = [name for name in features.CATEGORIES if name != "carrier_hour"]
    deep = [_embedded(inputs[name], sizes[name], EMBEDDING, "uniform") for name in alone]
    x = keras.layers.Concatenate()([*deep, inputs[features.NUMBERS]])
    for units in hidden:
        x = keras.layers.Dense(units, activation="relu")(x)
        x = keras.layers.Dropout(dropout)(x)
    wide = [_embedded(inputs[name], sizes[name], 1, "zeros") for name in features.CATEGORIES]
    return keras.Model(inputs, keras.layers.Add()([keras.layers.Dense(1)(x), *wide]))


def compile(model: keras.Model, steps: int, learning_rate: float = 3e-3) -> None:
    """Cross-entropy on the logit; AdamW whose rate falls to zero over `steps` batches."""
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )


def average(members: list[keras.Model]) -> keras.Model:
    """The members as one model. Output: the probability of being late, float32 [n, 1]."""
    inputs = _inputs()
    logits = [member(inputs) for member in members]
    mean = keras.layers.Average()(logits) if len(logits) > 1 else logits[0]
    return keras.Model(inputs, keras.layers.Activation("sigmoid")(mean))


def _inputs() -> dict:
    inputs = {name: keras.Input([1], name=name, dtype="int64") for name in features.CATEGORIES}
    return inputs | {features.NUMBERS: keras.Input([features.N_NUMBERS], name=features.NUMBERS)}


def _embedded(ids, size: int, width: int, start: str):
    rows = keras.layers.Embedding(
        size,
        min(width, size),
        embeddings_initializer=start,
        embeddings_regularizer=keras.regularizers.L2(FADE),
    )(ids)
    return keras.layers.Flatten()(rows)
