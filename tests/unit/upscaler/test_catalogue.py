"""The shipped catalogue says the truth about its models, and a wrong one is refused."""

from __future__ import annotations

import pytest
import torch
import yaml

from upscaler.catalogue import find_spec, load_catalogue
from upscaler.errors import CatalogueError, ModelNotFoundError
from upscaler.model import build_network

PARAMS = {
    "realesrgan-x4plus": 16_697_987,
    "realesrgan-x4plus-anime": 4_467_779,
    "realesr-animevideov3": 621_424,
    "realesr-general-x4v3": 1_213_296,
    "realesr-general-wdn-x4v3": 1_213_296,
    "realesrgan-x2plus": 16_703_171,
}

ROW = {
    "description": "d",
    "architecture": "srvgg",
    "features": 8,
    "depth": 2,
    "growth": 0,
    "native_scale": 4,
    "mflop_per_px": 1.0,
    "halo_px": 4,
    "release": {"url": "https://example.org/a.pth", "sha256": "0" * 64},
}


def network(spec):
    with torch.device("meta"):  # shapes without memory
        return build_network(spec)


@pytest.mark.parametrize("name", PARAMS)
def test_a_network_has_as_many_parameters_as_the_official_one(catalogue, name):
    assert sum(parameter.numel() for parameter in network(catalogue[name]).parameters()) == PARAMS[name]


@pytest.mark.parametrize("name", PARAMS)
def test_the_catalogue_knows_the_work_of_a_pixel(catalogue, name):
    flop = network(catalogue[name]).flop(100, 100)
    assert catalogue[name].mflop_per_px == pytest.approx(flop / 100**2 / 1e6, rel=0.01)


def test_the_catalogue_has_these_models_and_no_other(catalogue):
    assert set(catalogue) == set(PARAMS)
    assert len({spec.release.sha256 for spec in catalogue.values()}) == len(catalogue)


def written(path, row):
    path.write_text(yaml.safe_dump({"mine": row}))
    return path


def test_an_operators_own_catalogue_is_read(tmp_path):
    spec = load_catalogue(written(tmp_path / "models.yaml", ROW))["mine"]
    assert spec.name == "mine"
    assert spec.package_stem is None
    assert spec.release.sha256 == "0" * 64


def test_an_unknown_key_is_an_error(tmp_path):
    with pytest.raises(CatalogueError, match=r"mine.*colour"):
        load_catalogue(written(tmp_path / "models.yaml", ROW | {"colour": "red"}))


@pytest.mark.parametrize("key", ["depth", "release"])
def test_a_missing_key_is_an_error(tmp_path, key):
    row = {name: value for name, value in ROW.items() if name != key}
    with pytest.raises(CatalogueError, match="missing"):
        load_catalogue(written(tmp_path / "models.yaml", row))


@pytest.mark.parametrize("wrong", [{"growth": 3}, {"growth": 0}, {"halo_px": 47}])
def test_numbers_that_the_network_cannot_have_are_an_error(tmp_path, wrong):
    row = ROW | {"architecture": "rrdbnet", "growth": 4, "native_scale": 2} | wrong
    path = tmp_path / "models.yaml"
    path.write_text(yaml.safe_dump({"mine": row}))
    with pytest.raises(CatalogueError, match="mine"):
        load_catalogue(path)


def test_an_architecture_that_there_is_not_is_an_error(tmp_path):
    with pytest.raises(CatalogueError, match=r"mine.*rrdbnet, srvgg"):
        load_catalogue(written(tmp_path / "models.yaml", ROW | {"architecture": "esrgan"}))


@pytest.mark.parametrize("text", ["- a list", "mine: 3", "mine: [", "text"])
def test_a_file_that_is_no_catalogue_is_an_error(tmp_path, text):
    path = tmp_path / "models.yaml"
    path.write_text(text)
    with pytest.raises(CatalogueError):
        load_catalogue(path)
    with pytest.raises(CatalogueError):
        load_catalogue(tmp_path / "none.yaml")


def test_an_unknown_name_is_answered_with_the_known_ones(catalogue):
    with pytest.raises(ModelNotFoundError, match=r"nothing-such.*realesrgan-x4plus"):
        find_spec(catalogue, "nothing-such")
