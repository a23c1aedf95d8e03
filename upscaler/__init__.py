"""The engine: pixels, models, devices. Knows nothing of Ray, HTTP or environment variables.

This package stays empty of imports, so that a process which only needs the catalogue or `pictures`
(the ingress) never loads torch.
"""
