"""For schemathesis: files of a form are real pictures. Loaded by its own command, see SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from tests.pictures import encoded, picture

PICTURES = [encoded(picture(seed, 8 + seed, 8), name) for seed, name in enumerate(("PNG", "JPEG", "WEBP", "PNG"))]

schemathesis.openapi.format("binary", strategies.sampled_from(PICTURES))
