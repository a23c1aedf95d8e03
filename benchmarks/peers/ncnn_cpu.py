"""ncnn on the processor, from the weights that the package index has. Prints {"seconds": …} of the best round."""

from __future__ import annotations

import json
import time

import ncnn
import numpy as np

from benchmarks.peers.networks import parse_arguments


def main() -> None:
    """Load, run, print."""
    arguments = parse_arguments()
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = arguments.threads
    net.load_param(str(arguments.weights))
    net.load_model(str(arguments.weights.with_suffix(".bin")))
    planes = np.ascontiguousarray(np.load(arguments.input).transpose(2, 0, 1), np.float32) / 255
    seconds = []
    for _ in range(arguments.rounds):
        started_at = time.perf_counter()
        extractor = net.create_extractor()
        extractor.input("data", ncnn.Mat(planes))
        extractor.extract("output")
        seconds.append(time.perf_counter() - started_at)
    print(json.dumps({"seconds": min(seconds), "version": ncnn.__version__}))


main()
