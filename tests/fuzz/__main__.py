"""`python -m tests.fuzz multipart|options|decode [--seconds 600] [--seed N]`: look for what breaks a rule.

Exits with 1 when something was found. `--case N` draws that one case again.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.fuzz.decode import DecodeFuzzer
from tests.fuzz.loop import Fuzzer, keep, run
from tests.fuzz.multipart import MultipartFuzzer
from tests.fuzz.options import OptionsFuzzer

FUZZERS: Mapping[str, Callable[[Path], Fuzzer[Any]]] = {
    "multipart": lambda _: MultipartFuzzer(),
    "options": lambda _: OptionsFuzzer(),
    "decode": DecodeFuzzer,
}

MAX_KEPT = 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("what", choices=FUZZERS)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed when left out")
    parser.add_argument("--case", type=int, default=None, help="only the case of this number")
    parser.add_argument("--corpora", type=Path, default=Path(".corpora"), help="more pictures to start from")
    parser.add_argument("--findings", type=Path, default=Path(".fuzz"), help="where to write what was found")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    print(f"{asked.what}: seed {seed}", flush=True)
    fuzzer = FUZZERS[asked.what](asked.corpora)
    first, most = (0, None) if asked.case is None else (asked.case, 1)
    report = asyncio.run(run(fuzzer, seed, asked.seconds, first, most))
    for finding in report.findings.values():
        print(f"case {finding.number}: {finding.rule}")
    for path in keep(fuzzer, report, asked.findings):
        print(f"kept {path}")
    if isinstance(fuzzer, DecodeFuzzer):
        _tell(fuzzer, asked.findings)
    print(f"{asked.what}: {report.num_cases} cases, {len(report.findings)} findings")
    return 1 if report.findings else 0


def _tell(fuzzer: DecodeFuzzer, folder: Path) -> None:
    print(", ".join(f"{number} {kind}" for kind, number in sorted(fuzzer.outcomes.items())))
    for number, case in enumerate(fuzzer.limits[:MAX_KEPT]):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"decode-limit-{number}"
        path.write_bytes(case)
        print(f"ended by a limit, kept {path}")


if __name__ == "__main__":
    sys.exit(main())
