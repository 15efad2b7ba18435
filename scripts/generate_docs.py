"""Write the generated pages of ``docs/reference``, or check that they are fresh: ``... generate_docs.py [--check]``.

- ``plugins.md``: every plugin of this workspace, from its manifest;
- ``configuration.md``: every key of ``robotoff.toml``, from the configuration's classes;
- ``cli.md``: every command, from the command line's own description of itself;
- ``hooks.md``: every hook and kind of component, from their docstrings.
"""

import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import click

sys.path.insert(0, str(Path(__file__).resolve().parent))
from hooks_page import hooks_page
from packages import ROOT, Package, packages

REFERENCE = ROOT / "docs" / "reference"
LONGEST_DEFAULT = 8
"""Longer lists are not spelt out as a default."""
MARK = "<!-- Written by scripts/generate_docs.py (`make docs`); a test fails when it is not fresh. -->\n"

PLUGINS_INTRODUCTION = (
    "The plugins of this repository, from their manifests. `robotoff plugins list` shows those installed where you run "
    "it, with their state; [enable or disable one](../how-to/enable-plugins.md); "
    "[write one](../tutorial/first-plugin.md).\n"
)
CONFIGURATION_INTRODUCTION = (
    "`robotoff config show` prints every value with its origin, `robotoff config check` says what is wrong. `{var}` "
    "stands for the folder of the key `var`. An unknown key, or a value of the wrong type, is an error that names "
    "file, line and key. In a variable, lists and tables are written as in TOML; a list also separated by commas.\n"
)


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: literal marks, roles and field lists of plain text become what Markdown has."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":(?:class|meth|func|mod|attr|data):`[~.]?([^`]*)`", r"`\1`", text)
    return text.replace("``", "`")


def plugins_page() -> str:
    lines = [
        "# Plugins\n",
        MARK,
        PLUGINS_INTRODUCTION,
        "| plugin | for | insight types | predicts | reads | quality |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    found = [package for package in packages() if package.is_plugin]
    for package in found:
        manifest = manifest_of(package)
        types_ = ", ".join(f"`{spec.name}`" for spec in manifest.owns if spec.insight)
        predicts = ", ".join(
            f"`{name}`" for name in dict.fromkeys([s.name for s in manifest.owns] + [*manifest.produces])
        )
        reads = ", ".join(f"`{name}`" for name in manifest.reads) or "its own"
        slug = f"[`{manifest.slug}`](#{manifest.slug})"
        lines.append(f"| {slug} | {manifest.title} | {types_} | {predicts} | {reads} | {manifest.quality} |")
    return "\n".join(lines) + "\n\n" + "\n".join(plugin_section(package) for package in found)


def manifest_of(package: Package) -> Any:
    (value,) = package.project["entry-points"]["robotoff.plugins"].values()
    module, _, name = value.partition(":")
    return getattr(__import__(module, fromlist=[name]), name).manifest


def plugin_section(package: Package) -> str:
    manifest = manifest_of(package)
    where = package.folder.relative_to(ROOT)
    lines = [
        f"## {manifest.slug}\n",
        f"{package.project['description']}.\n",
        f"- package: `{package.distribution}`, in [`{where}`](../../{where}/README.md)",
        f"- written for hook API {manifest.hook_api[0]}.{manifest.hook_api[1]}",
    ]
    if manifest.maintainers:
        lines.append(f"- maintainers: {', '.join(manifest.maintainers)}")
    for spec in manifest.owns:
        facts = ["insights" if spec.insight else "predictions only"]
        if spec.insight:
            facts.append(
                ("asked by default" if spec.asked_by_default else "asked when named") if spec.asked else "never asked"
            )
            facts.append(f"priority {spec.priority}")
            facts.append(f"shows the {spec.image.value} image")
        if spec.needs_login:
            facts.append("needs a login")
        lines.append(f"- type `{spec.name}`{f' ({spec.title})' if spec.title else ''}: {', '.join(facts)}")
    if manifest.settings is not None:
        lines += ["", f"Settings, in `[plugins.{manifest.slug}]`:\n", prose(manifest.settings.__doc__), ""]
        lines += key_table(manifest.settings, ("plugins", manifest.slug))
    return "\n".join(lines).rstrip() + "\n"


def key_table(cls: type, path: tuple[str, ...], *, variables: bool = True) -> list[str]:
    """A table of the plain keys of *cls*; nested tables have sections of their own."""
    hints = typing.get_type_hints(cls)
    lines = ["| key | type | default |", "| --- | --- | --- |"]
    if variables:
        lines = ["| key | type | default | variable |", "| --- | --- | --- | --- |"]
    for attribute in attrs.fields(cls):
        if attribute.metadata.get("internal") or section_of(hints[attribute.name]) is not None:
            continue
        if cls.__name__ == "PluginsConfig" and attribute.name == "settings":
            continue
        key = ".".join([*path, attribute.name])
        variable = "ROBOTOFF_" + "__".join([*path, attribute.name]).upper()
        row = f"| `{key}` | {type_text(hints[attribute.name])} | {default_text(attribute)} |"
        lines.append(f"{row} `{variable}` |" if variables else row)
    return lines if len(lines) > 2 else []


def section_of(hint: Any) -> type | None:
    """The attrs class of a nested table ``[name]``, ``[name.<anything>]`` or ``[[name]]``, if *hint* is one."""
    if isinstance(hint, type) and attrs.has(hint):
        return hint
    for inner in typing.get_args(hint):
        if isinstance(inner, type) and attrs.has(inner):
            return inner
    return None


def type_text(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(each) for each in arguments if each is not type(None))
    if origin is typing.Literal:
        return " or ".join(f'`"{each}"`' for each in arguments)
    if origin in (tuple, list, set, frozenset):
        return f"list of {type_text(arguments[0])}"
    if origin is not None and len(arguments) == 2:
        return f"table of {type_text(arguments[1])}"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}
    return names.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint)))


def default_text(attribute: Any) -> str:
    value = attribute.default
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        value = value.factory()
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | list | frozenset):
        if len(value) > LONGEST_DEFAULT:
            return f"{len(value)} packaged ones"
        return "`[" + ", ".join(f'"{each}"' for each in value) + "]`"
    if isinstance(value, dict):
        return ""
    return f'`"{value}"`' if isinstance(value, str | Path) else f"`{value}`"


def configuration_page() -> str:
    from robotoff_core import config

    lines = [
        "# Configuration\n",
        MARK,
        prose(config.__doc__),
        "",
        CONFIGURATION_INTRODUCTION,
    ]

    def sections(cls: type, path: tuple[str, ...], brackets: str = "[%s]") -> Iterator[tuple[type, str, Any]]:
        yield cls, brackets % ".".join(path), path
        hints = typing.get_type_hints(cls)
        for attribute in attrs.fields(cls):
            inner = section_of(hints[attribute.name])
            if inner is None or attribute.metadata.get("internal"):
                continue
            kind = typing.get_origin(hints[attribute.name])
            if kind in (tuple, list):
                yield from sections(inner, (*path, attribute.name), "[[%s]]")
            else:
                yield from sections(inner, (*path, attribute.name, *(("<name>",) if kind else ())))

    for cls, title, path in sections(config.Config, ()):
        about = re.sub(r"^`\[\[?[\w.]+\]?\]`: ", "", prose(cls.__doc__))
        lines += [f"## `{title}`\n", about[:1].upper() + about[1:]] if path else ["## At the top"]
        lines += ["", *key_table(cls, path, variables=not title.startswith("[[")), ""]
    lines += [
        "## `[plugins.<slug>]`\n",
        "The settings of one plugin, declared by the plugin: see [plugins](plugins.md).",
    ]
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    lines = ["# Command line\n", MARK, "Every command tells the same with `--help`.\n"]
    contexts: dict[tuple[str, ...], click.Context] = {}
    for path, command in commands():
        # With the settings that a real call has: subcommands inherit the names of the help option.
        settings = {**command.context_settings, "terminal_width": 110, "max_content_width": 110}
        context = click.Context(command, info_name=path[-1], parent=contexts.get(path[:-1]), **settings)
        contexts[path] = context
        lines.append(f"## `{' '.join(path)}`\n")
        lines.append(f"```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(lines).rstrip() + "\n"


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    from robotoff_core.cli.main import cli

    def walk(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=path[-1])
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None and not inner.hidden:
                    yield from walk((*path, name), inner)

    yield from walk(("robotoff",), cli)


PAGES: dict[str, Callable[[], str]] = {
    "plugins.md": plugins_page,
    "configuration.md": configuration_page,
    "cli.md": cli_page,
    "hooks.md": lambda: hooks_page(MARK),
}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: generate_docs.py [--check]", file=sys.stderr)
        return 2
    stale = []
    for name, page in PAGES.items():
        file, text = REFERENCE / name, page()
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not arguments:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if arguments and stale:
        print(f"not fresh: docs/reference/{', '.join(stale)}; run `make docs` and commit", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
