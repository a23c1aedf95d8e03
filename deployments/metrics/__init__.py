"""What an operator sees: `catalogue` names every figure, `meter` is how code tells it.

They leave through Ray, which every machine of a cluster shows to Prometheus on one port, under the prefix `ray_`.
"""
