"""Create the virtual environment in which the original RealESRGANer runs: `python venv.py DIR`.

A second run with the same requirements does nothing. Standard library only; Python 3.11 only, since basicsr
imports distutils, which later versions lack.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
STAMP = "requirements.sha256"
# On PyPI, torch for Linux is the CUDA build. pip prefers "2.13.0+cpu" to "2.13.0" wherever it finds both.
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def create(directory: Path) -> None:
    """Make `directory` the environment that requirements.txt describes, unless it already is."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = directory / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return
    refuse_foreign(directory)
    # -I, or the child could take this very file, named venv too, for the standard module.
    subprocess.run([sys.executable, "-I", "-m", "venv", "--clear", str(directory)], check=True)
    install_all(directory / "bin" / "python")
    stamp.write_text(digest)  # last, so that an interrupted build is not taken for a finished one


def refuse_foreign(directory: Path) -> None:
    """Stop before `--clear` empties a directory that is not a virtual environment."""
    if directory.exists() and not (directory / "pyvenv.cfg").is_file() and any(directory.iterdir()):
        raise SystemExit(f"{directory} is not empty and not a virtual environment: not touching it")


def install_all(python: Path) -> None:
    """Install every pin, in the order that the source build of basicsr imposes."""
    # Alone with the extra index, so that a host that cannot reach it waits for pip's retries only once.
    install(python, "--extra-index-url", CPU_TORCH_INDEX, pin("torch"))
    install(python, pin("setuptools"))
    # Without isolation: a build environment of basicsr's own would download torch again, with CUDA.
    install(python, "--use-pep517", "--no-build-isolation", "-r", str(REQUIREMENTS))


def install(python: Path, *arguments: str) -> None:
    """Run pip for exactly the packages named, never for what they ask for in turn."""
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, *arguments], check=True)


def pin(package: str, requirements: Path = REQUIREMENTS) -> str:
    """Return the line of `requirements` that pins `package`."""
    lines = requirements.read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        raise SystemExit("run this with Python 3.11: basicsr needs distutils, which later versions lack")
    create(arguments.directory)


if __name__ == "__main__":
    main()
