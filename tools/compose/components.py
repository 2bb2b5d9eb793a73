"""The components that serve, and what each needs of compose, as its settings class declares it."""

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from embedded.components import CHECKOUT, LISTING, listed

__all__ = ["CHECKOUT", "LISTING", "Component", "FaultyDeclaration", "component_of", "listed", "serving"]

NAME = re.compile(r"[a-z]+")
"""The gateway finds a component by its name in the path, which is also the name of its role and database."""
FILES = "/files"
"""Where the image has a place for what a component keeps on disk."""
PROXIES = 1
"""How many proxies stand before a component: the gateway."""


class FaultyDeclaration(ValueError):
    """A component's line or its settings say what compose cannot do; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component that serves HTTP."""

    name: str
    package: str
    settings: type[BaseSettings]

    @property
    def fields(self) -> Mapping[str, FieldInfo]:
        """Its settings by name."""
        return self.settings.model_fields

    @property
    def has_database(self) -> bool:
        """Whether there is a database, which a job migrates."""
        return "database_url" in self.fields

    @property
    def has_bus(self) -> bool:
        """Whether it sends and listens; then its module `service` declares to what."""
        return "bus_url" in self.fields

    @property
    def secrets(self) -> Sequence[str]:
        """The settings that are made at random, each at the first start: the secrets without a default, and the bus."""
        return [
            name
            for name, field in self.fields.items()
            if field.annotation is SecretStr and (field.is_required() or name == "bus_url")
        ]

    @property
    def folders(self) -> Sequence[str]:
        """The settings that name a place on disk."""
        return [name for name in self.fields if name.endswith("_folder")]

    @property
    def environment(self) -> Mapping[str, str]:
        """What containers decide of its settings."""
        given = {"COMPONENT": self.name.upper()}
        given |= {self.variable(name): FILES for name in self.folders}
        if "forwarded_hops" in self.fields:
            given[self.variable("forwarded_hops")] = str(PROXIES)
        return given

    def variable(self, setting: str) -> str:
        """The environment variable of a setting."""
        return f"{self.name}_{setting}".upper()


def serving(listing: Path = LISTING) -> Sequence[Component]:
    """The components whose first folder has settings; one without is a command line. Raises: FaultyDeclaration."""
    return [
        component_of(name, folders[0].replace("/", "."))
        for name, folders in listed(listing).items()
        if _folder(name, folders).joinpath("settings.py").is_file()
    ]


def component_of(name: str, package: str) -> Component:
    """A component as its module `settings` declares it. Raises: FaultyDeclaration."""
    module = importlib.import_module(f"{package}.settings")
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseSettings) and each.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise FaultyDeclaration(f"{name}: {package}.settings must hold one settings class, and holds {len(found)}")
    component = Component(name=name, package=package, settings=found[0])
    prefix = found[0].model_config.get("env_prefix")
    if prefix != component.variable(""):
        raise FaultyDeclaration(f"{name}: its settings are read from {prefix}..., not from {component.variable('')}...")
    if len(component.folders) > 1:
        raise FaultyDeclaration(f"{name}: an image has one place for files, and {component.folders} want one each")
    return component


def _folder(name: str, folders: Sequence[str]) -> Path:
    if NAME.fullmatch(name) is None:
        raise FaultyDeclaration(f"{name}: a component's name consists of a to z")
    if not folders or not (CHECKOUT / folders[0]).is_dir():
        raise FaultyDeclaration(f"{name}: there is no such folder: {' '.join(folders[:1]) or 'none is named'}")
    return CHECKOUT / folders[0]
