"""`edgeai completion`: the script that a shell sources for tab completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the tab-completion script of a shell.

    \b
    Examples:
      eval "$(edgeai completion bash)"                      in ~/.bashrc
      eval "$(edgeai completion zsh)"                       in ~/.zshrc
      edgeai completion fish > ~/.config/fish/completions/edgeai.fish
    """
    from . import edgeai

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(edgeai, {}, "edgeai", "_EDGEAI_COMPLETE").source())
