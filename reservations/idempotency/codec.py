"""Outcomes as JSON (docs/decisions/0009)."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, cast, get_args
from uuid import UUID

from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union


class OutcomeCodec:
    """Turns the dataclasses of a union into JSON, tagged with their names, and back.

    A field whose metadata has ``stored_as`` is stored under that name: stored outcomes stay
    readable, by the version before too, when a field gets another name.
    """

    def __init__(self, union: Any) -> None:
        """Accept the types of ``union``."""
        self._union = union
        self._converter = make_converter(omit_if_default=True)
        self._converter.register_structure_hook(UUID, lambda text, _: UUID(text))
        self._converter.register_unstructure_hook(UUID, str)
        self._converter.register_structure_hook_factory(
            is_dataclass, lambda cls: make_dict_structure_fn(cls, self._converter, **_names(cls))
        )
        self._converter.register_unstructure_hook_factory(
            is_dataclass,
            lambda cls: make_dict_unstructure_fn(
                cls, self._converter, _cattrs_omit_if_default=True, **_names(cls)
            ),
        )
        configure_tagged_union(union, self._converter, tag_name="type")

    def dump(self, outcome: object) -> dict[str, Any] | None:
        """Return ``outcome`` as JSON can hold it; None if its type is not in the union."""
        if not isinstance(outcome, get_args(self._union)):
            return None
        data = self._converter.unstructure(outcome, unstructure_as=self._union)
        return cast("dict[str, Any]", data)

    def load(self, data: dict[str, Any]) -> Any:
        """Return the outcome that ``dump`` made ``data`` of, marked as ``replayed``."""
        outcome = self._converter.structure(data, self._union)
        if isinstance(outcome, Exception):
            outcome.replayed = True  # type: ignore[attr-defined]
            return outcome
        return replace(cast("Any", outcome), replayed=True)


def _names(cls: type) -> dict[str, Any]:
    return {
        each.name: override(rename=each.metadata["stored_as"])
        for each in fields(cls)
        if "stored_as" in each.metadata
    }
