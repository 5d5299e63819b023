"""`edgeai prepare`: finds the fastest or smallest way to run a model on this device, and keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .output import json_option, verbosity_options, write_json

if TYPE_CHECKING:
    from ..prepare.settings import SearchSettings


def _seconds(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    return None if text is None else options.duration(text)


@click.command()
@click.argument("path", metavar="MODEL", type=options.MODEL)
@click.option(
    "--budget", metavar="TIME", callback=_seconds, help="How long to search, e.g. 30s or 2m. [30s; energy 2m]"
)
@click.option(
    "--objective",
    type=click.Choice(["latency", "ram", "energy", "load"]),
    default="latency",
    show_default=True,
    help="What shall be least; load is from opening the model to its first result.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Only N threads. Default: the search tries several.",
)
@click.option(
    "--backend",
    "backends",
    metavar="NAME",
    multiple=True,
    shell_complete=options.complete_backends,
    help="Only this backend; may be given again. The first one is what raw means then.",
)
@click.option(
    "--variant",
    metavar="ID",
    shell_complete=options.complete_variants,
    help="Only this variant of a bundle's model.",
)
@click.option(
    "--max-ram",
    metavar="SIZE",
    callback=options.size_like("64MB or 500kB"),
    help="Refuse ways with a higher peak above the libraries' own, e.g. 64MB.",
)
@click.option(
    "--max-latency", metavar="TIME", callback=_seconds, help="Refuse ways with a higher median, e.g. 20ms."
)
@click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=options.complete_models,
    help="Prepare this model of a bundle only. Default: all, which share the budget.",
)
@click.option(
    "--input",
    "file",
    metavar="FILE",
    type=options.FILE,
    help="Measure on the arrays of this .npy or .npz file.",
)
@click.option(
    "--input-shape",
    "shapes",
    metavar="[NAME:]SIZES",
    multiple=True,
    help="Measure with these sizes, e.g. x:1x3x640x640.",
)
@click.option(
    "--fix-sizes",
    is_flag=True,
    help="Try the model with named dimensions fixed to the sizes measured: it will refuse others.",
)
@click.option(
    "--meter",
    metavar="NAME",
    shell_complete=options.complete_meters,
    help="Power meter for --objective energy; see `edgeai power`.",
)
@click.option(
    "--soak",
    metavar="TIME",
    callback=_seconds,
    help="Let the winner run hot so long before it is kept, e.g. 5m.",
)
@click.option(
    "--save-plan",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write what was found as a plan for boards of this kind.",
)
@click.option(
    "--plan",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Do not search: prepare as this plan says, if it gives right outputs here.",
)
@click.option(
    "--max-store",
    metavar="SIZE",
    callback=options.size_like("64MB or 500kB"),
    help="Keep at most so much of all prepared models; the least recently used go.",
)
@click.option("--dry-run", is_flag=True, help="Search and keep nothing.")
@json_option
@verbosity_options
def prepare(path: str, as_json: bool, verbosity: int, **asked: Any) -> None:
    """Find the fastest or smallest way to run a model on this device, and keep it for `edgeai.load`.

    Variants, backends, threads, forms (optimised graphs with mapped weights, caches) and settings are
    measured next to the model as it is, each in a process of its own; those whose outputs differ are refused.
    What is not proven better changes nothing. `edgeai.load` uses what is kept without being told.

    Exit codes: 0 done, also where the model as it is turned out to be the best; 1 no way keeps to the limits;
    2 the input is wrong; 3 something is missing on this machine.

    \b
    Examples:
      edgeai prepare faces.edge
      edgeai prepare model.onnx --objective ram --max-latency 20ms
      edgeai prepare digits --threads 1 --budget 10s --json
      edgeai prepare faces.edge --save-plan pi5.toml     on one board
      edgeai prepare faces.edge --plan pi5.toml          on all others of its kind
    """
    from ..prepare.plans import planned_ways, save_plan
    from ..prepare.preparing import prepare_all
    from ..prepare.report import document, doubt
    from .prepare_shown import Shown, tell

    plan_file, out = asked.pop("plan"), asked.pop("save_plan")
    settings = _settings(asked, plan_file)
    with Shown(quiet=verbosity < 0) as shown:
        done = prepare_all(
            path,
            settings,
            model=asked["name"],
            plan=None if plan_file is None else planned_ways(Path(plan_file)),
            dry_run=asked["dry_run"],
            max_bytes=asked["max_store"],
            on_event=shown.update,
        )
    for each in done:
        if said := doubt(each):
            click.echo(f"edgeai: warning: {said}", err=True)
    if out is not None:
        save_plan(Path(out), done, settings.threads)
    if as_json:
        write_json(document(path, done, dry_run=asked["dry_run"]))
    else:
        tell(done, verbosity, dry_run=asked["dry_run"])


def _settings(asked: dict[str, Any], plan_file: str | None) -> SearchSettings:
    from ..errors import UsageError
    from ..measure.protocol import InputRequest
    from ..prepare.settings import SearchSettings

    if plan_file is not None:
        given = [
            name
            for name in ("threads", "variant", "soak", "max_ram", "max_latency")
            if asked[name] is not None
        ]
        if given or asked["backends"]:
            word = (given or ["backend"])[0].replace("_", "-")
            raise UsageError(f"--plan says everything itself; leave --{word} out")
    if asked["meter"] is not None and asked["objective"] != "energy":
        raise UsageError("--meter is read for --objective energy alone; leave it out")
    if asked["fix_sizes"] and not asked["shapes"] and asked["file"] is None:
        raise UsageError(
            "--fix-sizes fixes the sizes that are given; give them with --input-shape or --input"
        )
    return SearchSettings(
        budget_s=asked["budget"],
        objective=asked["objective"],
        threads=asked["threads"],
        backends=asked["backends"],
        variant=asked["variant"],
        max_ram_bytes=asked["max_ram"],
        max_latency_s=asked["max_latency"],
        inputs=InputRequest(shapes=options.parse_shapes(asked["shapes"]), file=asked["file"]),
        fix_sizes=asked["fix_sizes"],
        meter=asked["meter"],
        soak_s=asked["soak"],
    )
