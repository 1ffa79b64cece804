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
    bodies = list(_error_bodies(result["paths"], schemas))
    for title, schema in schemas.items():
        properties = schema.get("properties", {})
        if name := _code_name(properties):
            required = set(schema["required"])
            matching = [
                body
                for body, titles in bodies
                if title in titles and required <= body.keys() <= properties.keys()
            ]
            properties[name][_OPEN] = sorted({body[name] for body in matching})
    return result


def _error_bodies(
    paths: dict[str, Any], schemas: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Yield the bodies of error responses, each with the names of the schemas of its response."""
    for path in paths.values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    content = response["content"]["application/json"]
                    titles = set(_titles(content["schema"], schemas))
                    yield from ((each["value"], titles) for each in content["examples"].values())


def _titles(reference: dict[str, str], schemas: dict[str, Any]) -> Iterator[str]:
    title = reference["$ref"].rpartition("/")[2]
    yield title
    for each in schemas[title].get("anyOf", ()):
        yield from _titles(each, schemas)


def _code_name(properties: dict[str, Any]) -> str | None:
    """Return the property with the code of an error response, or None for other schemas."""
    if "error" not in properties:
        return None
    return "code" if "code" in properties else "error"
