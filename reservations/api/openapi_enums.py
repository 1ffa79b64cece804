"""Open enums of the OpenAPI document: clients must accept values that it does not list."""

from collections.abc import Iterator
from typing import Any

_OPEN = "x-extensible-enum"
"""Unlike ``enum``, it does not make generated clients reject other values."""


def open_enums(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Turn the kinds of changes and the codes of errors into open enums.

    The codes are those of the document's own examples.
    """
    schemas = result["components"]["schemas"]
    schemas["ChangeKind"][_OPEN] = schemas["ChangeKind"].pop("enum")
    bodies = list(_error_bodies(result["paths"]))
    for schema in schemas.values():
        properties = schema.get("properties", {})
        if name := _code_name(properties):
            required = set(schema["required"])
            matching = [body for body in bodies if required <= body.keys() <= properties.keys()]
            properties[name][_OPEN] = sorted({body[name] for body in matching})
    return result


def _error_bodies(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in paths.values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    examples = response["content"]["application/json"]["examples"]
                    yield from (example["value"] for example in examples.values())


def _code_name(properties: dict[str, Any]) -> str | None:
    """Return the property with the code of an error response, or None for other schemas."""
    if "error" not in properties:
        return None
    return "code" if "code" in properties else "error"
