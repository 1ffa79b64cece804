"""Converts outcomes to and from JSON (docs/decisions/0009)."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, cast, get_args
from uuid import UUID

from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union


class OutcomeCodec:
    """Converts the dataclasses of a union to JSON, tagged with their class names, and back.

    A field with ``stored_as`` in its metadata is stored under that name. So a field can be renamed,
    and both this and the previous version of the code can still read all stored outcomes.
    """

    def __init__(self, union: Any) -> None:
        """Create a codec for the types in ``union``."""
        self._union = union
        self._converter = make_converter(omit_if_default=True)
        self._converter.register_structure_hook(UUID, lambda text, _: UUID(text))
        self._converter.register_unstructure_hook(UUID, str)
        self._converter.register_structure_hook_factory(
            is_dataclass, lambda cls: make_dict_structure_fn(cls, self._converter, **_renames(cls))
        )
        self._converter.register_unstructure_hook_factory(
            is_dataclass,
            lambda cls: make_dict_unstructure_fn(
                cls, self._converter, _cattrs_omit_if_default=True, **_renames(cls)
            ),
        )
        configure_tagged_union(union, self._converter, tag_name="type")

    def dump(self, outcome: object) -> dict[str, Any] | None:
        """Return ``outcome`` as JSON-serialisable data, or None if its type is not in the union."""
        if not isinstance(outcome, get_args(self._union)):
            return None
        data = self._converter.unstructure(outcome, unstructure_as=self._union)
        return cast("dict[str, Any]", data)

    def load(self, data: dict[str, Any]) -> Any:
        """Return the outcome that ``dump`` converted to ``data``, marked as ``replayed``."""
        outcome = self._converter.structure(data, self._union)
        if isinstance(outcome, Exception):
            outcome.replayed = True  # type: ignore[attr-defined]
            return outcome
        return replace(cast("Any", outcome), replayed=True)


def _renames(cls: type) -> dict[str, Any]:
    return {
        each.name: override(rename=each.metadata["stored_as"])
        for each in fields(cls)
        if "stored_as" in each.metadata
    }
