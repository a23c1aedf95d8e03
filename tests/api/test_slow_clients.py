"""Clients that send nothing, or hardly anything, are ended, and keep nobody from being served meanwhile."""

from __future__ import annotations

from benchmarks.slow_clients import measure

CONNECTIONS = 1000
DEADLINE_S = 30.0
"""Ten seconds for a request's head or for the first of its body, on a machine that does much besides."""


def test_a_thousand_slow_connections(system):
    figures = measure(system.url, CONNECTIONS, seconds=3.0, headers={"Authorization": "Bearer secret of alice"})
    print(figures)
    assert figures["closed"] == CONNECTIONS
    assert figures["last_closed_s"] < DEADLINE_S
