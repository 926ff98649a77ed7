"""A small 2-D U-Net on axial slices, and the shape of the WMH network, which the export shares."""

from __future__ import annotations

from typing import Any

WIDTHS = (12, 24, 32, 48, 72)  # channels at each level, the finest first
INPUTS = 10  # angiolith.small_vessel.wmh.shown.CHANNELS
CLASSES = 3  # anything else, WMH, infarct
NORM_EPSILON = 1e-3
SLOPE = 0.1  # of the activation below zero


def unet(widths: tuple[int, ...] = WIDTHS, inputs: int = INPUTS, classes: int = CLASSES, name: str = "wmh") -> Any:
    """Keras model of any size of slice (a multiple of 16 pixels), channels last; logits of the classes."""
    import tensorflow as tf

    layers = tf.keras.layers

    def block(x: tf.Tensor, width: int, name: str, stride: int = 1) -> tf.Tensor:
        x = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(epsilon=NORM_EPSILON, momentum=0.97, name=f"{name}_norm")(x)
        return layers.LeakyReLU(negative_slope=SLOPE, name=f"{name}_act")(x)

    start = tf.keras.Input((None, None, inputs))
    x, skips = start, [start]
    for level, width in enumerate(widths[1:], 1):
        x = block(x, width, f"down{level}a", 2)
        if level > 1:
            x = block(x, width, f"down{level}b")
        skips.append(x)
    for level in range(len(widths) - 2, -1, -1):
        x = layers.UpSampling2D(2, name=f"up{level}u")(x)
        x = layers.Concatenate(name=f"up{level}c")([x, skips[level]])
        x = block(x, widths[level], f"up{level}a")
        if level:
            x = block(x, widths[level], f"up{level}b")
    x = layers.Conv2D(classes, 1, name="out")(x)
    return tf.keras.Model(start, layers.Activation("linear", dtype="float32")(x), name=name)
