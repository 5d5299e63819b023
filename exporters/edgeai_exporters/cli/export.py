"""`edgeai export`: parses options, calls `export`, prints what it gives."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from edgeai.cli.options import FILE, complete_devices
from edgeai.cli.output import json_option, verbosity_options, write_json

from ..request import Request
from . import options
from .progress import Progress


@click.command()
@click.argument("source", metavar="SOURCE", shell_complete=lambda *_: [])
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="The bundle. Default: NAME.edge."
)
@click.option(
    "--format",
    "format_names",
    metavar="NAME[,NAME]",
    shell_complete=options.complete_formats,
    help="Formats to write: onnx, tflite. Default: both; one that cannot be is left out aloud.",
)
@click.option(
    "--scheme",
    "scheme_names",
    metavar="NAME[,NAME]",
    shell_complete=options.complete_schemes,
    help="Quantization schemes to try, `none` for float only. Default: those that suit the target.",
)
@click.option(
    "--via", metavar="NAME", shell_complete=options.complete_sources, help="Which exporter reads SOURCE."
)
@click.option("--task", metavar="NAME", help="Task of a Hugging Face model. Default: its configuration's.")
@click.option(
    "--shape",
    "shape_texts",
    multiple=True,
    metavar="[NAME:]SIZExSIZE",
    help="Sizes of an input, which are then fixed.",
)
@click.option(
    "--dim", "dim_texts", multiple=True, metavar="NAME[=MIN..MAX]", help="A named dimension that stays open."
)
@click.option("--example", type=FILE, metavar="FILE.npz", help="Example inputs of a PyTorch source.")
@click.option(
    "--opset", type=click.IntRange(13, 20), default=18, show_default=True, help="ONNX operator set."
)
@click.option("--data", metavar="PATH", help="Samples: a folder, .npz, .csv, .jsonl or file.py:dataset.")
@click.option(
    "--labels", type=FILE, metavar="FILE.csv", help="Labels of the samples, where the data has none."
)
@click.option("--calibrate", metavar="PATH", help="Samples to calibrate with, instead of a part of --data.")
@click.option("--evaluate", metavar="PATH", help="Samples to prove with, instead of the rest of --data.")
@click.option(
    "--samples", type=click.IntRange(1), metavar="N", help="Take at most so many samples, drawn by --seed."
)
@click.option("--random-calibration", is_flag=True, help="Calibrate with noise. The bundle is marked.")
@click.option(
    "--steps", type=FILE, metavar="FILE", help="Manifest or bundle whose steps prepare the samples."
)
@click.option(
    "--metric",
    metavar="NAME",
    shell_complete=options.complete_metrics,
    help="top1, cosine, ... or file.py:function. Default: top1 with labels, cosine without.",
)
@click.option("--max-drop", metavar="0.5%", help="How much the metric may fall. Default with labels: 0.5%.")
@click.option(
    "--min-cosine",
    type=click.FloatRange(-1, 1),
    metavar="0.99",
    help="Least cosine. Default without labels: 0.99.",
)
@click.option("--allow-drop", is_flag=True, help="Ship variants that miss the budget, too; they say so.")
@click.option(
    "--prefer",
    type=click.Choice(["speed", "size"]),
    default="speed",
    show_default=True,
    help="What decides between variants; with `size` slower ones are shipped, too.",
)
@click.option(
    "--target",
    metavar="ID",
    shell_complete=complete_devices,
    help="Board to build for. Default: any machine.",
)
@click.option("--measure-on", metavar="ssh://USER@HOST", help="Rank variants on this board, and not here.")
@click.option("--resize-batch", is_flag=True, help="TFLite whose batch can be resized when it runs.")
@click.option("--id", "bundle_id", metavar="NAME/NAME", help="The bundle's id. Default: local/ and the name.")
@click.option("--bundle-version", default="1.0.0", show_default=True, help="The bundle's version.")
@click.option("--licence", metavar="SPDX", help="The model's licence, e.g. Apache-2.0.")
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a report to look at."
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep what was measured here, so that a stopped export goes on.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all draws.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there already.")
@json_option
@verbosity_options
def export(
    source: str,
    out: Path | None,
    format_names: str | None,
    scheme_names: str | None,
    via: str | None,
    task: str | None,
    shape_texts: tuple[str, ...],
    dim_texts: tuple[str, ...],
    example: str | None,
    opset: int,
    data: str | None,
    labels: str | None,
    calibrate: str | None,
    evaluate: str | None,
    samples: int | None,
    random_calibration: bool,
    steps: str | None,
    metric: str | None,
    max_drop: str | None,
    min_cosine: float | None,
    allow_drop: bool,
    prefer: str,
    target: str | None,
    measure_on: str | None,
    resize_batch: bool,
    bundle_id: str | None,
    bundle_version: str,
    licence: str | None,
    report: Path | None,
    work: Path | None,
    seed: int,
    force: bool,
    as_json: bool,
    verbosity: int,
) -> None:
    """Export a model to a bundle of proven ONNX and TFLite variants.

    SOURCE is an .onnx, .tflite, .pt2 or .keras file, `file.py:factory` or `module:factory` that gives a
    PyTorch or Keras model, or a Hugging Face folder or id. With --data, quantized variants compete:
    layers that are too sensitive for the budget stay in higher precision, and what is not faster or misses
    the budget is left out. Without data only float variants are made.

    \b
    Examples:
      edgeai export model.onnx --data photos/ --max-drop 0.5% -o model.edge
      edgeai export net.py:build --shape 1x3x96x96 --format tflite --data train.npz
      edgeai export ./all-MiniLM-L6-v2 --data sentences.csv --metric nearest --min-cosine 0.99
      edgeai export model.onnx --random-calibration --scheme int8-static
      edgeai export model.onnx --data d.npz --target raspberry-pi-5 --measure-on ssh://pi@raspberrypi
    """
    from ..export import export as run
    from ..export import name_of
    from ..report import document, table, write_html

    request = Request(
        source=source,
        out=out or Path(f"{name_of(source)}.edge"),
        via=via,
        task=task,
        shapes=options.shapes(shape_texts),
        dims=options.dims(dim_texts),
        example=None if example is None else Path(example),
        opset=opset,
        formats=options.formats(format_names),
        schemes=options.words(scheme_names),
        data=data,
        labels=None if labels is None else Path(labels),
        calibrate=calibrate,
        evaluate=evaluate,
        limit=samples,
        random=random_calibration,
        steps=None if steps is None else Path(steps),
        metric=metric,
        max_drop=options.drop(max_drop),
        min_cosine=min_cosine,
        allow_drop=allow_drop,
        prefer=prefer,
        target=target,
        measure_on=measure_on,
        resize_batch=resize_batch,
        seed=seed,
        id=bundle_id,
        version=bundle_version,
        licence=licence,
        work=work,
        force=force,
    )
    with Progress(quiet=verbosity < 0) as progress:
        outcome = run(request, on_progress=progress.update)
    if report is not None:
        write_html(outcome, report)
    if as_json:
        write_json(document(outcome))
    elif verbosity < 0:
        click.echo(f"{outcome.bundle} {outcome.identity}")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(table(outcome, width))
