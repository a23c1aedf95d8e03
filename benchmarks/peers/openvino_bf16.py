"""OpenVINO on the processor in bfloat16. Prints {"seconds": …} of the best round, without its compiling."""

from __future__ import annotations

import json
import time

import numpy as np
import openvino
import torch

from benchmarks.peers.networks import load, parse_arguments


def main() -> None:
    """Convert, compile, run, print."""
    arguments = parse_arguments()
    x = torch.from_numpy(np.load(arguments.input)).permute(2, 0, 1)[None].float().div_(255)
    converted = openvino.convert_model(load(arguments.model, arguments.weights), example_input=x, input=list(x.shape))
    wanted = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": arguments.threads,
    }
    compiled = openvino.Core().compile_model(converted, "CPU", wanted)
    seconds = []
    for _ in range(arguments.rounds):
        started_at = time.perf_counter()
        compiled(x.numpy())
        seconds.append(time.perf_counter() - started_at)
    print(json.dumps({"seconds": min(seconds), "version": openvino.__version__}))


main()
