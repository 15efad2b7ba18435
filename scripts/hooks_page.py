"""``docs/reference/hooks.md``: every hook and every kind of component, from their own docstrings."""

import ast
import inspect
import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import attrs

__all__ = ["FIELDS", "fields_of", "hooks", "hooks_page", "signature_of"]

FIELDS = ("Purpose", "Arguments", "Returns", "Called", "On failure", "Since")
"""What each hook's docstring says, in this order."""

INTRODUCTION = """\
A plugin is an object with a `manifest` and methods marked with `@hookimpl`; its module names it in the entry point
group `robotoff.plugins`. Each method *registers typed objects*, once per process; core calls those objects one by one,
measures them and isolates their failures. Everything is imported from `robotoff_core.api`. Implementations may take
fewer arguments than stand here. How to begin: [your first plugin](../tutorial/first-plugin.md).
"""


def hooks() -> dict[str, Any]:
    """The live hooks by name, as pluggy knows them, in the order in which they are specified."""
    from robotoff_core import hookspecs
    from robotoff_core.plugins.checks import hook_manager

    callers = vars(hook_manager().hook)
    live = {name: callers[name].spec.function for name in callers if getattr(callers[name], "spec", None) is not None}
    order = list(vars(hookspecs))
    return dict(sorted(live.items(), key=lambda item: order.index(item[0])))


def signature_of(name: str, function: Any) -> str:
    """``robotoff_predictors(settings)``."""
    return f"{name}({', '.join(inspect.signature(function).parameters)})"


def fields_of(docstring: str | None) -> dict[str, str]:
    """The named parts of a hook's docstring; the summary stands under ``""``."""
    text = inspect.cleandoc(docstring or "")
    parts = re.split(r"^(Purpose|Arguments|Returns|Called|On failure|Since): ", text, flags=re.MULTILINE)
    found = {"": parts[0].strip()}
    for name, value in zip(parts[1::2], parts[2::2], strict=True):
        found[name] = " ".join(value.split())
    return found


def hooks_page(mark: str) -> str:
    """The whole page; *mark* says that it is generated."""
    from robotoff_core import api

    lines = ["# Hooks\n", mark, INTRODUCTION]
    for name, function in hooks().items():
        parts = fields_of(function.__doc__)
        lines += [f"## `{signature_of(name, function)}`\n", _prose(parts[""]) + "\n"]
        lines += [f"- {field}: {_prose(parts[field])}" for field in FIELDS if field in parts]
        lines.append("")
    lines.append("# What hooks return\n")
    returned: tuple[type, ...] = (
        api.Predictor,
        api.Importer,
        api.Annotator,
        api.QuestionFormatter,
        api.Lexicon,
        api.Migrations,
        api.Route,
        api.Command,
        api.HealthCheck,
    )
    for kind in returned:
        lines += _class(kind)
    lines.append("# What a plugin says about itself, and is told\n")
    told: tuple[type, ...] = (
        api.Manifest,
        api.TypeSpec,
        api.ImageRule,
        api.Quality,
        api.Run,
        api.Source,
        api.Boundary,
    )
    for kind in told:
        lines += _class(kind)
    lines.append("# What components take and give\n")
    values: tuple[type, ...] = (
        api.Prediction,
        api.StoredPrediction,
        api.Candidate,
        api.Drop,
        api.Insight,
        api.Product,
        api.ProductId,
        api.Answer,
        api.Outcome,
        api.Result,
        api.Edit,
        api.AddTag,
        api.SetField,
        api.Question,
        api.OcrDocument,
        api.Hit,
        api.Taxonomy,
    )
    for kind in values:
        lines += _class(kind)
    return "\n".join(lines).rstrip() + "\n"


def _prose(text: str) -> str:
    """A docstring as Markdown."""
    text = re.sub(r":(?:class|meth|func|mod|attr|data):`[~.]?(?:robotoff_core\.)?(?:api\.)?([^`]*)`", r"`\1`", text)
    return text.replace("``", "`")


def _class(kind: type) -> Iterator[str]:
    yield f"## `{kind.__name__}`\n"
    yield _prose(inspect.cleandoc(kind.__doc__ or "")) + "\n"
    members = [*_attributes(kind), *_methods(kind)]
    yield from members
    if members:
        yield ""


def _attributes(kind: type) -> Iterator[str]:
    """Fields with type, default and the text below them in the source."""
    (tree,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, type_ = statement.target.id, ast.unparse(statement.annotation)
            if name.startswith("_"):
                continue
            type_ = re.sub(r"^ClassVar\[(.*)\]$", r"\1", type_).strip("'\"")
            yield f"- `{name}: {type_}{_default(kind, name, statement.value)}`{_text(after)}"
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if not name.startswith("_"):
                yield f"- `{name} = {ast.unparse(statement.value)}`{_text(after)}"


def _default(kind: type, name: str, value: ast.expr | None) -> str:
    if value is None:
        return ""
    if attrs.has(kind) and isinstance(value, ast.Call):
        default = getattr(attrs.fields_dict(kind)[name], "default", attrs.NOTHING)
        if default is attrs.NOTHING:
            return ""
        factory = getattr(default, "factory", None)
        return f" = {factory()!r}" if factory is not None else f" = {default!r}"
    return f" = {ast.unparse(value)}"


def _text(after: ast.stmt | None) -> str:
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        return ": " + _prose(" ".join(inspect.cleandoc(after.value.value).split()))
    return ""


def _methods(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if name.startswith("_") or not (inspect.isfunction(function) or isinstance(function, property)):
            continue
        text = _prose(" ".join(inspect.cleandoc(member.__doc__ or function.__doc__ or "").split()))
        if isinstance(function, property):
            yield f"- `{name}`: {text}"
        else:
            arguments = [one for one in inspect.signature(function).parameters if one not in ("self", "cls")]
            yield f"- `{name}({', '.join(arguments)})`: {text}"
