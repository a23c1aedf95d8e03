"""`python -m tests.corpora DIR…`: every file below these folders through the decoder, and what came of them.

Exits with 1 after a crash, a hang or an error that is not in the table, with 2 where there are no files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from tests.corpora.runner import Tally, run
from tests.corpora.sources import advice
from tests.looking import DECODER_LOG, Look


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpora", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="each holds corpora, one folder a corpus")
    parser.add_argument("--rows", type=Path, default=None, help="write a line of JSON for each file here")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    DECODER_LOG.propagate = False  # each file's line says it
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    rows: list[str] = []
    total = Tally()
    for folder in asked.folders:
        for corpus in sorted(path for path in folder.glob("*") if path.is_dir()):
            total += _run(corpus, rows)
    if not total.num_files:
        print(advice(asked.folders[0]))
        return 2
    if asked.rows is not None:
        asked.rows.write_text("".join(rows))
    print(f"\n{total.sentence()}")
    return 1 if total.bad else 0


def _run(corpus: Path, rows: list[str]) -> Tally:
    def told(path: Path, look: Look) -> None:
        row = {
            "file": str(path),
            "outcome": look.outcome,
            "detail": look.detail,
            "cpu_s": look.cpu_s,
            "wall_s": round(look.wall_s, 3),
        }
        rows.append(json.dumps(row) + "\n")

    tally = asyncio.run(run(corpus, told))
    refused = ", ".join(f"{number} {code}" for code, number in sorted(tally.refusals.items()))
    print(f"{corpus.name}: {tally.sentence()}{f' [{refused}]' if refused else ''}", flush=True)
    for path, look in (*tally.bad, *tally.limits):
        print(f"  {look.outcome} after {look.cpu_s:.1f} s: {path.relative_to(corpus)}: {look.detail}", flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
