"""A plain bfloat16 channels_last forward in torch. Prints {"seconds": …} of the best round."""

from __future__ import annotations

import json
import time

import numpy as np
import torch

from benchmarks.peers.networks import load, parse_arguments


@torch.inference_mode()
def main() -> None:
    """Load, run, print."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    network = load(arguments.model, arguments.weights).to(torch.bfloat16, memory_format=torch.channels_last)
    x = torch.from_numpy(np.load(arguments.input)).permute(2, 0, 1)[None].float().div_(255)
    x = x.to(torch.bfloat16, memory_format=torch.channels_last)
    seconds = []
    for _ in range(arguments.rounds):
        started_at = time.perf_counter()
        network(x)
        seconds.append(time.perf_counter() - started_at)
    print(json.dumps({"seconds": min(seconds), "version": torch.__version__}))


main()
