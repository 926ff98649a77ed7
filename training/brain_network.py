"""The brain network: one small 3-D U-Net, used twice (whole field at 4 mm, then parts of it at 2 mm)."""

from __future__ import annotations

import tensorflow as tf

from training.brain_shape import CLASSES, EDGE, INPUTS, NORM_EPSILON, SLOPE, WIDTHS


class InstanceNorm(tf.keras.layers.Layer):
    """Mean and variance of each channel of each sample, with gain and offset."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones")
        self.offset = self.add_weight(name="offset", shape=(shape[-1],), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, len(x.shape) - 1))
        wide = tf.cast(x, tf.float32)
        mean = tf.reduce_mean(wide, axes, keepdims=True)
        square = tf.reduce_mean(tf.square(wide), axes, keepdims=True)
        scale = tf.math.rsqrt(tf.maximum(square - tf.square(mean), 0.0) + NORM_EPSILON) * tf.cast(self.gain, tf.float32)
        return x * tf.cast(scale, x.dtype) + tf.cast(tf.cast(self.offset, tf.float32) - mean * scale, x.dtype)


def block(x: tf.Tensor, channels: int, name: str, stride: int = 1, size: int = 3) -> tf.Tensor:
    x = tf.keras.layers.Conv3D(channels, size, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = InstanceNorm(name=f"{name}_norm")(x)
    return tf.keras.layers.LeakyReLU(negative_slope=SLOPE, name=f"{name}_act")(x)


def unet(name: str) -> tf.keras.Model:
    """Logits of CLASSES classes from the network `whole` or `part`; channels last."""
    widths = WIDTHS[name]
    start = tf.keras.Input((EDGE, EDGE, EDGE, INPUTS[name]))
    x = block(start, widths[0], "in")
    skips = []
    for level, width in enumerate(widths[1:], 1):
        skips.append(x)
        x = block(x, width, f"down{level}a", stride=2)
        x = block(x, width, f"down{level}b")
    for level in range(len(widths) - 2, -1, -1):
        x = block(x, widths[level], f"up{level}p", size=1)
        x = tf.keras.layers.UpSampling3D(2, name=f"up{level}u")(x)
        x = tf.keras.layers.Concatenate(name=f"up{level}c")([x, skips[level]])
        x = block(x, widths[level], f"up{level}a")
        if level:
            x = block(x, widths[level], f"up{level}b")
    x = tf.keras.layers.Conv3D(CLASSES, 1, name="out")(x)
    return tf.keras.Model(start, tf.keras.layers.Activation("linear", dtype="float32")(x), name=name)
