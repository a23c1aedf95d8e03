"""`upscale models`, `upscale models pull`, and commands of other packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.upscaler.cli.command import MODEL
from upscaler.cli.main import main
from upscaler.weights import Weights, WeightsStore


def test_models_lists_the_whole_catalogue(catalogue, capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in catalogue)
    assert "download, by `upscale models pull realesrgan-x2plus`" in shown


@pytest.mark.parametrize("words", [["--weights-dir", "DIR"], ["--weights-dir", "DIR", "pull", "--if-missing", MODEL]])
def test_a_folder_of_weights_of_ones_own_is_looked_into(catalogue, tmp_path, words, capsys):
    store = WeightsStore(tmp_path, {})
    cached = tmp_path / f"{MODEL}-{catalogue[MODEL].release.sha256[:12]}.safetensors"
    cached.touch()
    assert store.find(catalogue[MODEL]) == Weights(cached, "cache")
    assert main(["models", *(str(tmp_path) if word == "DIR" else word for word in words)]) == 0
    assert str(cached) in capsys.readouterr().out


def test_pulling_an_unknown_model_is_one_sentence(capsys):
    assert main(["models", "pull", "nothing-such"]) == 1
    assert "model not found: nothing-such" in capsys.readouterr().err


def test_an_unknown_model_is_one_sentence(capsys):
    assert main(["photo.png", "--model", "nothing-such"]) == 1
    assert capsys.readouterr().err.startswith("upscale: model not found: nothing-such; the catalogue has realesrgan-x4")


@pytest.mark.usefixtures("animevideo")
def test_pulling_if_missing_is_content_with_the_package(capsys):
    assert main(["models", "pull", "--if-missing", MODEL]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


def test_a_command_of_another_package_is_called(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["purge", "--help"])
    assert ended.value.code == 0
    assert "--offline" in capsys.readouterr().out
