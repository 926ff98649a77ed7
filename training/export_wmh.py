"""Write the fitted WMH network as an ONNX file: norms folded into kernels, weights of 16 bits.

python -m training.export_wmh --state FOLDER --out resources/wmh_model/wmh.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.export_brain import Graph
from training.wmh_network import CLASSES, INPUTS, NORM_EPSILON, SLOPE, WIDTHS


class Graph2D(Graph):
    """Nodes and weights of a network of slices, channels first."""

    def conv2d(self, x: str, name: str, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> str:
        size = kernel.shape[0]
        inputs = [x, self.constant(f"{name}_w", kernel.transpose(3, 2, 0, 1)), self.constant(f"{name}_b", bias)]
        before = 0 if size == 1 or stride == 2 else 1
        pads = [before] * 2 + [0 if size == 1 else 1] * 2
        node = helper.make_node("Conv", inputs, [name], kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads)
        self.nodes.append(node)
        return name

    def block2d(self, x: str, name: str, stride: int = 1) -> str:
        """Kernel, norm (folded into it) and activation."""
        gamma, beta, mean, variance = (
            self.weights[f"{name}_norm/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        gain = gamma / np.sqrt(variance + NORM_EPSILON)
        x = self.conv2d(x, f"{name}_conv", self.weights[f"{name}_conv/kernel"] * gain, beta - mean * gain, stride)
        self.nodes.append(helper.make_node("LeakyRelu", [x], [f"{name}_act"], alpha=SLOPE))
        return f"{name}_act"


def network(
    weights: dict[str, np.ndarray],
    version: str,
    widths: tuple[int, ...] = WIDTHS,
    inputs: int = INPUTS,
    classes: int = CLASSES,
    name: str = "wmh",
) -> onnx.ModelProto:
    """The U-Net of training.wmh_network with softmax at its end; input (slices, inputs, x, y), multiples of 16."""
    graph = Graph2D(weights)
    x, skips = "image", ["image"]
    for level in range(1, len(widths)):
        x = graph.block2d(x, f"down{level}a", 2)
        if level > 1:
            x = graph.block2d(x, f"down{level}b")
        skips.append(x)
    for level in range(len(widths) - 2, -1, -1):
        x = graph.doubled(x, f"up{level}u", axes=2)
        graph.nodes.append(helper.make_node("Concat", [x, skips[level]], [f"up{level}c"], axis=1))
        x = graph.block2d(f"up{level}c", f"up{level}a")
        if level:
            x = graph.block2d(x, f"up{level}b")
    x = graph.conv2d(x, "out", weights["out/kernel"], weights["out/bias"])
    graph.nodes.append(helper.make_node("Softmax", [x], ["probability"], axis=1))
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["slices", inputs, "x", "y"])
    given = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["slices", classes, "x", "y"])
    proto = helper.make_graph(graph.nodes, name, [taken], [given], graph.initial)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 13)], producer_name="angiolith")
    model.ir_version = 8
    helper.set_model_props(model, {"version": version})
    onnx.checker.check_model(model)
    return model


def exported_weights(path: Path) -> dict[str, np.ndarray]:
    """Weights by name of the variable in training.wmh_network, read back; norms, folded into kernels, do nothing."""
    held = {t.name: numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(path).graph.initializer}
    weights: dict[str, np.ndarray] = {}
    for name, values in held.items():
        if name.endswith("_w_16"):
            weights[f"{name.removesuffix('_w_16')}/kernel"] = values.transpose(2, 3, 1, 0)
        elif name == "out_b_16":
            weights["out/bias"] = values
        elif name.endswith("_conv_b_16"):
            norm = f"{name.removesuffix('_conv_b_16')}_norm"
            weights[f"{norm}/beta"], weights[f"{norm}/moving_mean"] = values, np.zeros_like(values)
            weights[f"{norm}/gamma"] = np.ones_like(values)
            weights[f"{norm}/moving_variance"] = np.full_like(values, 1 - NORM_EPSILON)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", required=True, help="recorded beside every mask")
    arguments = parser.parse_args()
    with np.load(arguments.state / "state.npz") as file:
        weights = {name: file[name] for name in file.files}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(network(weights, arguments.version).SerializeToString(deterministic=True))
    print(arguments.out, round(arguments.out.stat().st_size / 1e6, 2), "MB")


if __name__ == "__main__":
    main()
