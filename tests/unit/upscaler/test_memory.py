"""What an engine may take of a host, read from control groups written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from upscaler.memory import SHARE, cpu_memory_budget, cpu_threads

MB = 1 << 20


def v2(folder: Path, limit: str, used: int, cache: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon {used - cache}\nfile {cache}\ninactive_file {cache}\n")
    return folder


def v1(folder: Path, limit: str, used: int, cache: int) -> Path:
    memory = folder / "memory"
    memory.mkdir()
    (memory / "memory.limit_in_bytes").write_text(limit)
    (memory / "memory.usage_in_bytes").write_text(str(used))
    (memory / "memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {cache}\n")
    return folder


@pytest.mark.parametrize("version", [v1, v2])
def test_a_containers_limit_bounds_the_budget(tmp_path, version):
    cgroup = version(tmp_path, str(100 * MB), 60 * MB, 0)
    assert cpu_memory_budget(1, cgroup) == SHARE * 40 * MB


@pytest.mark.parametrize("version", [v1, v2])
def test_page_cache_counts_as_free(tmp_path, version):
    """Else a container that has read large files would look full, and every picture be cut into crumbs."""
    cgroup = version(tmp_path, str(100 * MB), 100 * MB, 70 * MB)
    assert cpu_memory_budget(1, cgroup) == SHARE * 70 * MB


def test_a_full_container_leaves_nothing(tmp_path):
    assert cpu_memory_budget(1, v2(tmp_path, str(100 * MB), 110 * MB, 0)) == 0


def test_engines_on_one_host_share_its_memory(tmp_path):
    cgroup = v2(tmp_path, str(100 * MB), 20 * MB, 0)
    assert cpu_memory_budget(4, cgroup) == cpu_memory_budget(1, cgroup) // 4


@pytest.mark.parametrize("limit", ["max", "not a number", str(1 << 62)])
def test_without_a_limit_the_hosts_free_memory_counts(tmp_path, limit):
    assert 100 * MB < cpu_memory_budget(1, v2(tmp_path, limit, 50 * MB, 0)) < 1 << 50


@pytest.mark.parametrize(("quota", "engines", "threads"), [("100000", 1, 1), ("50000", 1, 1), ("100000", 9, 1)])
def test_a_quota_bounds_the_threads(tmp_path, quota, engines, threads):
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    assert cpu_threads(engines, tmp_path) == threads


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense"])
def test_without_a_quota_every_processor_counts(tmp_path, text):
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_threads(1, tmp_path) == cpu_threads(1, tmp_path / "none") >= 1
    assert cpu_threads(10_000, tmp_path) == 1
