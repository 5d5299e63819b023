"""Keras models as a user's own file builds them; the file says nothing of backends."""

from __future__ import annotations

from typing import Any

import keras


def picture() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((12, 12, 1), name="picture"),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def two_inputs() -> Any:
    keras.utils.set_random_seed(0)
    series, extra = keras.Input((None, 4), name="series"), keras.Input((3,), name="extra")
    pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Dense(5)(series))
    joined = keras.layers.Concatenate()([pooled, extra])
    return keras.Model(
        {"series": series, "extra": extra}, {"pooled": pooled, "score": keras.layers.Dense(2)(joined)}
    )


def without_inputs() -> Any:
    return keras.Sequential([keras.layers.Dense(3)])


def with_code() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])


class Own(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x


def with_own_layer() -> Any:
    return keras.Sequential([keras.Input((4,)), Own()])
