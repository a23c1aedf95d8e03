"""The reader of ncnn's files, against files written here and the ones of the installed package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upscaler.errors import WeightsError
from upscaler.ncnn import FP16_TAG, FP32_TAG, MAGIC, read_ncnn

CONV, SLOPES = (6, 3, 3, 3), 5


def tensors(seed: int = 0) -> list[np.ndarray]:
    """A convolution with its bias, the slopes of a PReLU, and a 1×1 convolution with an odd number of weights."""
    rng = np.random.default_rng(seed)
    shapes = [CONV, (CONV[0],), (SLOPES,), (1, 3, 1, 1)]
    return [rng.standard_normal(shape).astype(np.float16).astype(np.float32) for shape in shapes]


def tagged(values: np.ndarray, *, half: bool) -> bytes:
    data = np.uint32(FP16_TAG if half else FP32_TAG).tobytes() + values.astype("<f2" if half else "<f4").tobytes()
    return data + b"\0" * (-len(data) % 4)


def written(folder: Path, *, half: bool) -> tuple[Path, Path]:
    """The tensors above as a pair of ncnn files."""
    weight, bias, slopes, last = tensors()
    param = f"""{MAGIC}
5 5
Input data 0 1 data
Convolution conv1 1 1 data a 0={CONV[0]} 1=3 4=1 5=1 6={weight.size}
PReLU prelu1 1 1 a b 0={SLOPES}
Convolution conv2 1 1 b c 0=1 1=1 5=0 6={last.size}
Interp up 1 1 c output 0=1 1=2.000000e+00 -23330=4,1,2,3
"""
    paths = folder / "tiny.param", folder / "tiny.bin"
    paths[0].write_text(param)
    paths[1].write_bytes(tagged(weight, half=half) + bias.tobytes() + slopes.tobytes() + tagged(last, half=half))
    return paths


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    return written(tmp_path_factory.mktemp("ncnn"), half=True)


@pytest.mark.parametrize("half", [True, False])
def test_what_was_written_is_read(tmp_path, half):
    found = read_ncnn(*written(tmp_path, half=half))
    assert len(found) == len(tensors())
    assert all(np.array_equal(a, b) and a.dtype == np.float32 for a, b in zip(found, tensors(), strict=True))


def test_the_packaged_files_have_the_shapes_of_the_network(packaged):
    packaged("realesrgan-x4plus-anime")  # load_state_dict is strict about every name and shape


@given(st.data())
def test_a_bin_of_another_length_is_refused(files, data):
    param, binary = files
    whole = binary.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    other = binary.with_name("other.bin")
    for damaged in (whole[:cut], whole + whole[: cut + 1]):
        other.write_bytes(damaged)
        with pytest.raises(WeightsError):
            read_ncnn(param, other)


@given(st.data())
def test_a_damaged_param_is_refused_or_read_but_never_crashes(files, data):
    param, binary = files
    text = bytearray(param.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    other = param.with_name("other.param")
    other.write_bytes(text)
    try:
        found = read_ncnn(other, binary)
    except WeightsError:
        return
    assert all(tensor.dtype == np.float32 for tensor in found)


@pytest.mark.parametrize(
    "damage",
    [(MAGIC, "1234567"), ("0=6 ", ""), (" 6=162", " 6=161"), ("1 1 data a", "x 1 data a"), ("5=1", "5=0")],
)
def test_a_param_that_contradicts_itself_or_the_bin_is_refused(files, damage):
    param, binary = files
    other = param.with_name("contradicting.param")
    other.write_text(param.read_text().replace(*damage))
    with pytest.raises(WeightsError):
        read_ncnn(other, binary)


def test_an_unknown_storage_tag_is_refused(files):
    param, binary = files
    other = binary.with_name("tag.bin")
    other.write_bytes(b"\x01\x02\x03\x04" + binary.read_bytes()[4:])
    with pytest.raises(WeightsError, match="storage tag"):
        read_ncnn(param, other)
