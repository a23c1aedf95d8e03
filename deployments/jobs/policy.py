"""The numbers of the promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds throughout. `max_deaths` counts only deaths of a holder that had this one job alone."""

    result_ttl_s: float = 900.0
    tombstone_ttl_s: float = 900.0
    lease_s: float = 15.0
    acknowledge_s: float = 5.0
    download_lease_s: float = 60.0
    max_deaths: int = 2
    max_attempts: int = 5
    max_leases: int = 50
    max_queued: int = 1000
