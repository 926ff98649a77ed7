"""Fitted networks, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

# [level] Of the runtime's own messages: errors alone. Source: definition (ONNX Runtime).
ERRORS_ALONE = 3


def open_network(path: str | Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session of the network in an ONNX file, on so many threads of the CPU.

    Parameters
    ----------
    path : str | Path
        Path of the ONNX file.
    threads : int
        Number of threads.

    Returns
    -------
    onnxruntime.InferenceSession
        The session.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ALONE
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
