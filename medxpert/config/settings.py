"""A configuration as plain values: what a command needs of it, without the libraries that composed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig


class Settings(dict[str, Any]):
    """A mapping whose values are attributes, too, but for those called as a method; mappings within it are of its kind.

    Args:
        values: plain values.
        place: key of the whole within the configuration, for messages.
    """

    def __init__(self, values: dict[str, Any], place: str = "") -> None:
        within = f"{place}." if place else ""
        super().__init__({str(key): _settled(value, f"{within}{key}") for key, value in values.items()})
        self.place = place

    @classmethod
    def of(cls, cfg: DictConfig) -> Settings:
        """Take over a checked configuration, all references followed."""
        from omegaconf import OmegaConf

        values: Any = OmegaConf.to_container(cfg, resolve=True)
        return cls(values)

    def plain(self) -> dict[str, Any]:
        """Return a copy as dicts and lists."""
        return {key: _plain(value) for key, value in self.items()}

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the configuration has no key {name!r}") from None


def _settled(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return Settings(value, place)
    return (
        [_settled(one, f"{place}[{number}]") for number, one in enumerate(value)] if isinstance(value, list) else value
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.plain()
    return [_plain(one) for one in value] if isinstance(value, list) else value
