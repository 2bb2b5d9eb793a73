"""The text of deploy/compose.components.yaml: components and their migrations, the jobs that know all, volumes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tools.compose.components import FILES, Component

HEADER = """\
# Written by `python -m tools.compose` from deploy/components and the components' settings; a change by hand is lost.
# What all of them have in common is in compose.parts.yaml.
"""
PARTS = "compose.parts.yaml"
VERSION = "${VERSION:-0.1.0}"
"""The default is the version of the project, as in compose.parts.yaml; a test compares them."""
SECOND = "two"
"""The profile that runs a second container of every component."""
DONE = "service_completed_successfully"
HEALTHY = "service_healthy"


def text_of(components: Sequence[Component]) -> str:
    """The whole file."""
    lines = [HEADER + "services:"]
    for component in components:
        lines += [f"  # --- {component.name}", *_server(component)]
        if component.has_database:
            lines += _migration(component)
    lines += ["  # --- the jobs that know all of them", *_jobs(components), "", "volumes:"]
    lines += [f"  {name}: {{}}" for component in components for name in _volumes(component)]
    return "\n".join(lines) + "\n"


def _server(component: Component) -> Iterator[str]:
    name = component.name
    yield f"  {name}: &{name}"
    yield from _image("component", component)
    yield f"    environment: {_mapping(component.environment)}"
    networks = [f"edge: {{aliases: [{name}]}}"]
    networks += ["database: {}"] * component.has_database + ["broker: {}"] * component.has_bus
    yield f"    networks: {{{', '.join(networks)}}}"
    mounted = [f"{name}:/run/yunquan:ro"] * bool(component.secrets) + [f"{name}-files:{FILES}"] * bool(
        component.folders
    )
    if mounted:
        yield f"    volumes: {_texts(mounted)}"
    yield from _after(_awaited(component))
    # The alias it takes over makes it another container of the same service to the gateway and to Prometheus.
    yield f"  {name}-2: {{<<: *{name}, profiles: [{SECOND}]}}"


def _awaited(component: Component) -> Mapping[str, str]:
    jobs = [f"{component.name}-migration"] * component.has_database + ["topology"] * component.has_bus
    # The jobs above run on servers that waited for the secrets.
    return dict.fromkeys(jobs or ["secrets"] * bool(component.secrets), DONE)


def _migration(component: Component) -> Iterator[str]:
    yield f"  {component.name}-migration:"
    yield from _image("migration", component)
    yield f"    command: [python, -m, shared.runtime.migrate, {component.name}]"
    yield f"    volumes: {_texts([f'{component.name}-migration:/run/yunquan:ro'])}"
    yield from _after({"databases": DONE})


def _image(part: str, component: Component) -> Iterator[str]:
    yield f"    extends: {{file: {PARTS}, service: {part}}}"
    yield f"    image: yunquan/{component.name}:{VERSION}"
    yield f"    build: {{args: {{COMPONENT: {component.name}}}}}"


def _jobs(components: Sequence[Component]) -> Iterator[str]:
    yield from _job("secrets", [f"{each.name}:{','.join(each.secrets)}" for each in components if each.secrets])
    yield "    volumes:"
    yield from (f"      - {name}:/secrets/{name}" for each in components for name in _secret_volumes(each))
    with_database = [each.name for each in components if each.has_database]
    yield from _job("databases", ["python", "-m", "shared.runtime.grants", *with_database])
    yield from _after({"postgres": HEALTHY})
    modules = [f"{each.package}.service" for each in components if each.has_bus]
    yield from _job("topology", ["python", "-m", "shared.runtime.bus.declare", "--users", *modules])
    yield from _after({"rabbitmq": HEALTHY})


def _job(name: str, words: Iterable[str]) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    extends: {{file: {PARTS}, service: {name}}}"
    yield "    command:"
    yield from (f"      - {word}" for word in words)


def _after(awaited: Mapping[str, str]) -> Iterator[str]:
    if awaited:
        yield "    depends_on:"
    yield from (f"      {name}: {{condition: {condition}}}" for name, condition in awaited.items())


def _volumes(component: Component) -> Sequence[str]:
    return [*_secret_volumes(component), *[f"{component.name}-files"] * bool(component.folders)]


def _secret_volumes(component: Component) -> Sequence[str]:
    name = component.name
    return [name] * bool(component.secrets) + [f"{name}-migration"] * component.has_database


def _mapping(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {value}' for name, value in values.items())}}}"


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
