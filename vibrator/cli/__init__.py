"""The command line: one command a file, each of them parse, call, print.

A file `name.py` here becomes the command `name` (`import_.py` becomes `import`): it says its
`PANEL` and offers either `run` (one command) or `app` (a Typer with subcommands). Nothing else
has to be edited.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import typer
from typer.core import TyperGroup

from vibrator import __version__
from vibrator.errors import MissingExtra, ModelUnavailable, StoreError, VibratorError

PANELS = ("Try", "Data", "Score", "Decide", "Learn", "Rehearse", "Value", "Operate")
AS_TYPED = {  # what a message says in Python, and how it is typed here
    r"on_error='skip'": "--skip-bad-rows",
    r'InstructionalEncoder\("embedded"\)': "--encoder embedded",
    r"delimiter=('.*?')": r"--delimiter \1",
    r"sliders=\{name: text\}": "--slider NAME=TEXT (or to `vibrator import` --sliders FILE)",
}
EXIT_BAD_INPUT, EXIT_MISSING, EXIT_STORE, EXIT_BROKEN_PIPE, EXIT_INTERRUPTED = 2, 3, 4, 141, 130


class _Loop(TyperGroup):
    """The commands in the order of the loop; a reader of stdout that went away ends quietly."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names by panel, then by letter; groups among them."""
        panels = {name: _panel(command) for name, command in self.commands.items()}
        return sorted(super().list_commands(ctx), key=lambda name: (panels[name], name))

    def invoke(self, ctx: Any) -> Any:
        """Run a command to the last byte of its output."""
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(EXIT_BROKEN_PIPE) from None
        return found


def _panel(command: Any) -> int:
    return PANELS.index(command.rich_help_panel)


def build() -> typer.Typer:
    """The application with every command of this folder, in the order of the loop."""
    app = typer.Typer(
        name="vibrator",
        cls=_Loop,
        help="Personalization from what people do, in words.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    modules = [
        import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if m.name[0] != "_"
    ]
    for module in modules:
        name = module.__name__.rpartition(".")[2].removesuffix("_").replace("_", "-")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=module.PANEL)
        else:
            app.command(name=name, rich_help_panel=module.PANEL)(module.run)
    return app


def main() -> None:
    """Run the command line; every known failure is one line on stderr and an exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, nowhere)
    try:
        build()()
    except VibratorError as error:
        words = as_typed(str(error))
        typer.secho(f"vibrator: {words}", fg="red", err=True)
        sys.exit(_exit_code(error))
    except OSError as error:  # a file that is not there, or may not be written
        typer.secho(f"vibrator: {error}", fg="red", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def as_typed(words: str) -> str:
    """A message with its cures as options.

    >>> as_typed("say delimiter=';'"), as_typed("say columns={'weight': 'Weight'}")
    ("say --delimiter ';'", 'say --column weight=Weight')
    """
    if "columns={" in words:
        words = re.sub(r"'([^']*)': '([^']*)'", r"--column \1=\2", words)
        words = re.sub(r"columns=\{(.*)\}", lambda found: found[1].replace(", --", " --"), words)
    for in_python, typed in AS_TYPED.items():
        words = re.sub(in_python, typed, words)
    return words


def _exit_code(error: VibratorError) -> int:
    if isinstance(error, (MissingExtra, ModelUnavailable)):
        return EXIT_MISSING
    if isinstance(error, StoreError):
        return EXIT_STORE
    return EXIT_BAD_INPUT


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


__all__ = ["as_typed", "build", "main"]
