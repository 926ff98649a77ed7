"""Write the two fitted brain networks as ONNX files with kernels of 8 bits.

python -m training.export_brain --state FOLDER --out resources/brain_model
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.brain_shape import CLASSES, EDGE, INPUTS, NORM_EPSILON, SLOPE, WIDTHS


class Graph:
    """Nodes and weights of one network, channels first."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initial: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initial.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_16"))
        self.nodes.append(helper.make_node("Cast", [f"{name}_16"], [name], to=TensorProto.FLOAT))
        return name

    def kernel(self, name: str, values: np.ndarray) -> str:
        """Weights of 8 bits, scaled for each channel that they lead to: half the file, the same masks."""
        scale = np.maximum(np.abs(values).max(axis=(1, 2, 3, 4), keepdims=True), 1e-12) / 127
        self.initial.append(numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}_8"))
        self.initial.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
        self.nodes.append(helper.make_node("Cast", [f"{name}_8"], [f"{name}_whole"], to=TensorProto.FLOAT))
        self.nodes.append(helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]))
        return name

    def conv(self, x: str, name: str, stride: int = 1, size: int = 3, bias: bool = False) -> str:
        kernel = self.weights[f"{name}/kernel"].transpose(4, 3, 0, 1, 2)
        inputs = [x, self.kernel(f"{name}_w", kernel)]
        if bias:
            inputs.append(self.constant(f"{name}_b", self.weights[f"{name}/bias"]))
        before = 0 if size == 1 or stride == 2 else 1
        after = 0 if size == 1 else 1
        pads = [before] * 3 + [after] * 3
        node = helper.make_node("Conv", inputs, [name], kernel_shape=[size] * 3, strides=[stride] * 3, pads=pads)
        self.nodes.append(node)
        return name

    def block(self, x: str, name: str, stride: int = 1, size: int = 3) -> str:
        x = self.conv(x, f"{name}_conv", stride, size)
        gain = self.constant(f"{name}_gain", self.weights[f"{name}_norm/gain"])
        offset = self.constant(f"{name}_offset", self.weights[f"{name}_norm/offset"])
        norm, out = f"{name}_norm", f"{name}_act"
        self.nodes.append(helper.make_node("InstanceNormalization", [x, gain, offset], [norm], epsilon=NORM_EPSILON))
        self.nodes.append(helper.make_node("LeakyRelu", [norm], [out], alpha=SLOPE))
        return out

    def doubled(self, x: str, name: str, axes: int = 3) -> str:
        scales = f"{name}_scales"
        self.initial.append(numpy_helper.from_array(np.array([1, 1] + [2] * axes, np.float32), scales))
        self.nodes.append(
            helper.make_node(
                "Resize",
                [x, "", scales],
                [name],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        )
        return name


def network(name: str, weights: dict[str, np.ndarray], step: int) -> onnx.ModelProto:
    """The U-Net of training.brain_network with softmax at its end; input (1, channels, 64, 64, 64)."""
    widths, graph = WIDTHS[name], Graph(weights)
    x = graph.block("image", "in")
    skips = []
    for level in range(1, len(widths)):
        skips.append(x)
        x = graph.block(x, f"down{level}a", stride=2)
        x = graph.block(x, f"down{level}b")
    for level in range(len(widths) - 2, -1, -1):
        x = graph.block(x, f"up{level}p", size=1)
        x = graph.doubled(x, f"up{level}u")
        graph.nodes.append(helper.make_node("Concat", [x, skips[level]], [f"up{level}c"], axis=1))
        x = graph.block(f"up{level}c", f"up{level}a")
        if level:
            x = graph.block(x, f"up{level}b")
    x = graph.conv(x, "out", size=1, bias=True)
    graph.nodes.append(helper.make_node("Softmax", [x], ["probability"], axis=1))
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, INPUTS[name], EDGE, EDGE, EDGE])
    given = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, CLASSES, EDGE, EDGE, EDGE])
    proto = helper.make_graph(graph.nodes, name, [taken], [given], graph.initial)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 13)], producer_name="angiolith")
    model.ir_version = 8
    helper.set_model_props(model, {"step": str(step)})
    onnx.checker.check_model(model)
    return model


def read_weights(state: Path, kind: str = "mean") -> dict[str, dict[str, np.ndarray]]:
    """Weights by network and layer; `mean`: their running mean, `weight`: the last ones."""
    with np.load(state / "state.npz") as file:
        names = [str(name) for name in file["names"]]
        values = [file[f"{kind}{k}"] for k in range(len(names))]
    first_of_part = [k for k, name in enumerate(names) if name.startswith("in_conv")][1]
    return {
        "whole": dict(zip(names[:first_of_part], values[:first_of_part], strict=True)),
        "part": dict(zip(names[first_of_part:], values[first_of_part:], strict=True)),
    }


def exported_step(folder: Path | None) -> int:
    """The step of the fit that exported networks were taken from; 0 where nothing says it."""
    if folder is None:
        return 0
    properties = {pair.key: pair.value for pair in onnx.load(folder / "whole.onnx").metadata_props}
    return int(properties.get("step", 0))


def exported_weights(path: Path) -> dict[str, np.ndarray]:
    """Weights by name of the variable in training.brain_network, read back from an exported network."""
    held = {t.name: numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(path).graph.initializer}
    weights = {}
    for name, values in held.items():
        if name.endswith("_w_8"):
            layer = name.removesuffix("_w_8")
            weights[f"{layer}/kernel"] = (values * held[f"{layer}_w_scale"]).transpose(2, 3, 4, 1, 0)
        for kind in ("gain", "offset"):
            if name.endswith(f"_{kind}_16"):
                weights[f"{name.removesuffix(f'_{kind}_16')}_norm/{kind}"] = values
        if name.endswith("_b_16"):
            weights[f"{name.removesuffix('_b_16')}/bias"] = values
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", default="mean", choices=("mean", "weight"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with np.load(arguments.state / "state.npz") as file:
        step = int(file["step"])
    for name, weights in read_weights(arguments.state, arguments.kind).items():
        path = arguments.out / f"{name}.onnx"
        path.write_bytes(network(name, weights, step).SerializeToString(deterministic=True))
        print(path, round(path.stat().st_size / 1e6, 2), "MB")


if __name__ == "__main__":
    main()
