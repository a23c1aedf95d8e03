"""JSON Schemas (2020-12) of every document that the API answers with, as components of its OpenAPI document.

Members may be added in later versions, so none of them is closed.
"""

from __future__ import annotations

from typing import Any

from deployments.ingress.options import FORMATS, METADATA, QUALITIES
from upscaler.pictures.picture import SCALES

Schema = dict[str, Any]

JOB_ID: Schema = {"type": "string", "pattern": "^[0-9]{19}$"}
INTEGER: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
TEXT: Schema = {"type": "string"}
SCALE: Schema = {"type": "integer", "enum": list(SCALES)}
FORMAT: Schema = {"type": "string", "enum": list(FORMATS)}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """A schema by its name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


PICTURE = {"width": INTEGER, "height": INTEGER, "format": FORMAT}

IN_EVERY_STATUS: dict[str, Schema] = {
    "attempt": {**INTEGER, "description": "How often the job has been started."},
    "created_at": TIME,
    "model": TEXT,
    "scale": SCALE,
    "input": _object(PICTURE),
}


def _status(word: str, required: dict[str, Schema], optional: dict[str, Schema]) -> Schema:
    named = {"job_id": JOB_ID, "status": {"type": "string", "const": word}}
    return _object(named | required | IN_EVERY_STATUS, optional)


SCHEMAS: dict[str, Schema] = {
    "Accepted": _object(
        {
            "success": {"type": "boolean", "const": True},
            "job_id": JOB_ID,
            "status_url": TEXT,
            "eta_seconds": {**INTEGER, "description": "A guess at when the job is done."},
            "expires_at": {**TIME, "description": "Until when its result will be kept at least."},
        }
    ),
    "Processing": _status(
        "processing",
        {
            "progress": {"type": "integer", "minimum": 0, "maximum": 99, "description": "It never falls."},
            "stage": {"type": "string", "enum": ["queued", "running", "retrying"]},
        },
        {"queue_position": {"type": "integer", "minimum": 1}, "eta_seconds": INTEGER},
    ),
    "Completed": _status(
        "completed",
        {
            "progress": {"type": "integer", "const": 100},
            "duration_seconds": SECONDS,
            "file_size_bytes": INTEGER,
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "result": {"type": "string", "enum": ["available", "downloading", "downloaded", "expired", "deleted"]},
            "output": _object(PICTURE, {"alpha": TEXT, "depth": TEXT}),
        },
        {"download_url": {**TEXT, "description": "While the result can be had."}, "expires_at": TIME},
    ),
    "Failed": _status(
        "failed",
        {"error": {"type": "string", "pattern": "^upscale failed: "}, "error_code": TEXT},
        {},
    ),
    "Status": {
        "oneOf": [ref("Processing"), ref("Completed"), ref("Failed")],
        "discriminator": {
            "propertyName": "status",
            "mapping": {
                word: ref(name)["$ref"]
                for word, name in (("processing", "Processing"), ("completed", "Completed"), ("failed", "Failed"))
            },
        },
    },
    "Problem": _object(
        {
            "success": {"type": "boolean", "const": False},
            "error": {**TEXT, "description": "One plain sentence, for people."},
            "code": {**TEXT, "description": "For programs."},
            "title": TEXT,
            "detail": TEXT,
            "instance": {**TEXT, "description": "The request's id, by which the log has it."},
        }
    ),
    "Models": _object(
        {
            "models": _list(
                _object(
                    {
                        "name": TEXT,
                        "description": TEXT,
                        "native_scale": INTEGER,
                        "scales": _list(SCALE),
                        "mflop_per_px": {
                            "type": "number",
                            "exclusiveMinimum": 0,
                            "description": "Work for one pixel of the image: how fast models are beside each other.",
                        },
                        "default": {"type": "boolean"},
                    }
                )
            )
        }
    ),
    "Limits": _object(
        {
            "max_upload_bytes": INTEGER,
            "max_input_px": INTEGER,
            "max_output_px": INTEGER,
            "max_side_px": _object(dict.fromkeys(FORMATS, INTEGER)),
            "scales": _list(SCALE),
            "default_scale": SCALE,
            "formats": _list(FORMAT),
            "quality": _object(dict.fromkeys(("minimum", "maximum", "default"), INTEGER)),
            "result_ttl_seconds": SECONDS,
            "max_wait_seconds": INTEGER,
        }
    ),
    "Health": _object({"status": TEXT}),
    "Submission": {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {"type": "string", "format": "binary", "description": "A PNG, JPEG or WEBP file, not animated."},
            "scale": {**SCALE, "default": 4},
            "model": {**TEXT, "description": "One of `GET /api/v1/models`; the default one when left out."},
            "format": {**FORMAT, "description": "Of the result; the input's when left out, where that can hold it."},
            "quality": {
                "type": "integer",
                "minimum": QUALITIES[0],
                "maximum": QUALITIES[-1],
                "default": 95,
                "description": "Of a JPEG or WEBP result.",
            },
            "metadata": {"type": "string", "enum": list(METADATA), "default": METADATA[0]},
        },
    },
}
