"""Board profiles: what `devices/*.toml` say, parsed once into frozen types. Units are SI: Hz, bytes, W.

Detection reads a profile only where the file's text holds one of the names it looks for, in double quotes.
That keeps `edgeai.load` from parsing every board on a slow one, and a board stays one file and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from .. import datafiles
from ..errors import ConfigError, UnknownDevice, one_line
from ..toml_table import TomlTable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FEATURES = (
    "asimddp",
    "asimdhp",
    "i8mm",
    "bf16",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
)
"""CPU flags of /proc/cpuinfo that decide how fast int8 and half floats run; arm64 first, then x86-64."""

SUPPORT = ("native", "container", "detect-only")
CLUSTER_KINDS = ("performance", "efficiency")
PEAK_DTYPES = ("f32", "f16", "i8")
"""Types of elements that a peak of multiply-accumulates is given for."""
ACCELERATOR_KINDS = ("gpu", "npu", "tpu", "dla", "dsp")


@dataclass(frozen=True)
class Figure:
    """A published number with the place it was published at."""

    value: float
    source: str


@dataclass(frozen=True)
class Match:
    """What identifies the board, in order of trust."""

    compatible: tuple[str, ...] = ()
    """Whole entries of the device tree's `compatible`."""
    modules: tuple[str, ...] = ()
    """Jetson modules: of `nvidia,p3768-0000+p3767-0005` the part after `+`; `p2888` means every `p2888-*`."""
    pi_revision_types: tuple[int, ...] = ()
    """Bits 4..11 of a Raspberry Pi's revision code."""
    model_text: tuple[str, ...] = ()
    """Whole words within the device tree's `model`."""
    machines: tuple[str, ...] = ()
    """`uname -m`, for generic profiles."""


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind."""

    name: str
    count: int
    kind: str
    """`performance` or `efficiency`."""
    max_clock_hz: Figure | None = None
    macs_per_cycle: Mapping[str, Figure] = field(default_factory=dict)
    """Multiply-accumulates that one core does in a cycle at most, by type of element."""


@dataclass(frozen=True)
class Accelerator:
    """Something beside the CPU that runs models."""

    name: str
    kind: str
    """`gpu`, `npu`, `tpu`, `dla` or `dsp`."""
    peak_ops_per_s: Figure | None = None
    """Operations a second; the source says of which type, and whether dense or sparse."""
    macs_per_s: Mapping[str, Figure] = field(default_factory=dict)
    """Dense multiply-accumulates a second at most, by type of element."""


@dataclass(frozen=True)
class PowerBudget:
    """A limit that the vendor states or sets, as a power mode does: not a measured consumption."""

    name: str
    power_w: Figure


@dataclass(frozen=True)
class PowerRails:
    """How the labels of the board's own power monitors make up its power."""

    total: tuple[str, ...]
    """Labels whose sum is the power of what is measured: one, or several where no label covers it all."""
    inside: tuple[str, ...]
    """Labels that are part of the total already. One in neither list is shown, and counted nowhere."""
    source: str


@dataclass(frozen=True)
class Sensors:
    """Names of what can be read on the board; the drivers live elsewhere."""

    power: tuple[str, ...] = ()
    thermal: tuple[str, ...] = ()
    throttle: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeviceProfile:
    """What is known of a board before anything is measured on it."""

    id: str
    name: str
    support: str
    """`native`, `container` (the vendor's Python is too old for us) or `detect-only`."""
    default_os: str
    match: Match
    soc: str
    clusters: tuple[Cluster, ...]
    """Empty for generic profiles."""
    features: tuple[str, ...]
    """CPU flags among FEATURES that the board has; what a machine really has is in `Device.features`."""
    cpu_source: str | None
    memory_bytes: tuple[int, ...]
    """RAM sizes that are sold, rising. The kernel's MemTotal is always somewhat less."""
    memory_taken_bytes: Figure | None
    """Of that size, what firmware, kernel and the default system without a desktop hold at rest."""
    memory_source: str | None
    memory_bandwidth_bytes_per_s: Figure | None
    accelerators: tuple[Accelerator, ...]
    preferred_backends: tuple[str, ...]
    preferred_providers: tuple[str, ...]
    threads: int | None
    """Threads to run with by default; None means as many as usable (performance) cores."""
    sensors: Sensors
    idle_w: Figure | None
    """The whole board at rest."""
    load_w: Figure | None
    """The whole board with all cores busy."""
    power_budgets: tuple[PowerBudget, ...]
    rails: PowerRails | None = None
    """None where the board has no monitors of its own, or nobody says what its total is."""
    shunts_ohm: Mapping[str, Figure] = field(default_factory=dict)
    """The shunts soldered beside its monitors, by hwmon chip, such as `ina219`."""

    @property
    def performance_cores(self) -> int | None:
        """Cores worth giving work to: all but the efficiency cores. None where the cores are not known."""
        return sum(cluster.count for cluster in self.clusters if cluster.kind == "performance") or None


def profile_ids() -> tuple[str, ...]:
    """The ids of all boards, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_profile(id: str) -> DeviceProfile:  # noqa: A002 - the key is called `id` in the files
    """The profile with an id. Raises UnknownDevice with the nearest ids, ConfigError for a broken file."""
    known = profile_ids()
    if id not in known:
        import difflib  # for a mistake alone

        near = difflib.get_close_matches(id, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UnknownDevice(f"no device is called {id!r}; {hint}`edgeai device list` shows all")
    return _parse_once(_folder() / f"{id}.toml")


def profiles_naming(names: Iterable[str]) -> list[DeviceProfile]:
    """The profiles whose file mentions one of the names in double quotes; only those are parsed.

    Raises ConfigError where there are no profiles at all, or for a broken one.
    """
    folder = _folder()
    texts = _texts(folder)
    if not texts:
        raise ConfigError(f"no device profiles in {folder}; reinstall edgeai")
    quoted = tuple(f'"{name}"' for name in names)
    return [_parse_once(path) for path, text in texts if any(needle in text for needle in quoted)]


def parse_profile(path: Path) -> DeviceProfile:
    """Read one TOML. Raises ConfigError with file and dotted key for what is missing, unknown or mistyped."""
    top = TomlTable.open(path)
    text = _read(path)
    cpu, memory, power, run = (top.table(key) for key in ("cpu", "memory", "power", "run"))
    profile = DeviceProfile(
        id=_id(top),
        name=top.text("name"),
        support=top.choice("support", SUPPORT),
        default_os=top.text("default_os"),
        match=_match(top.table("match"), text),
        soc=top.text("soc"),
        clusters=tuple(_cluster(table) for table in cpu.tables("clusters")),
        features=_features(cpu),
        cpu_source=cpu.text("source") if cpu.has("source") else None,
        memory_bytes=memory.counts("bytes"),
        memory_taken_bytes=_figure(memory, "taken_bytes"),
        memory_source=memory.text("source") if memory.has("source") else None,
        memory_bandwidth_bytes_per_s=_figure(memory, "bandwidth_bytes_per_s"),
        accelerators=tuple(_accelerator(table) for table in top.tables("accelerators")),
        preferred_backends=run.texts("backends"),
        preferred_providers=run.texts("providers"),
        threads=run.count("threads") if run.has("threads") else None,
        sensors=_sensors(top.table("sensors")),
        idle_w=_figure(power, "idle_w"),
        load_w=_figure(power, "load_w"),
        power_budgets=tuple(_budget(table) for table in power.tables("budgets")),
        rails=_rails(power.table("rails")) if power.has("rails") else None,
        shunts_ohm=_shunts(power.table("shunts_ohm")),
    )
    _check_sources(profile, cpu, memory)
    for table in (cpu, memory, power, run, top):
        table.done()
    return profile


def _folder() -> Path:
    return datafiles.data_folder(datafiles.__file__, "devices", "../../devices")


@cache
def _texts(folder: Path) -> tuple[tuple[Path, str], ...]:
    return tuple((path, _read(path)) for path in sorted(folder.glob("*.toml")))


def _read(path: Path) -> str:
    """The file's text. Raises ConfigError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{one_line(path)} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{one_line(path)} is not UTF-8: {one_line(error)}; correct the file") from None


@cache
def _parse_once(path: Path) -> DeviceProfile:
    return parse_profile(path)


def _id(top: TomlTable) -> str:
    text = top.text("id")
    if text != top.file.stem:
        top.fail("id", f"is {text!r}; it must be the file's name, {top.file.stem!r}")
    return text


def _match(table: TomlTable, text: str) -> Match:
    match = Match(
        compatible=_quoted(table, "compatible", text),
        modules=_quoted(table, "modules", text),
        pi_revision_types=tuple(
            _hex(table, f"pi_revision_types[{index}]", kind)
            for index, kind in enumerate(_quoted(table, "pi_revision_types", text))
        ),
        model_text=_quoted(table, "model_text", text),
        machines=_quoted(table, "machines", text),
    )
    table.done()
    if match == Match():
        table.fail("", "is empty or missing; say what identifies the board, such as compatible = [...]")
    return match


def _quoted(table: TomlTable, key: str, text: str) -> tuple[str, ...]:
    """A list of texts, each of which the file's text has in double quotes: else it would never match."""
    entries = table.texts(key)
    for entry in entries:
        if f'"{entry}"' not in text:
            table.fail(key, f"write {entry!r} in double quotes; detection searches the file's text for them")
    return entries


def _hex(table: TomlTable, key: str, text: str) -> int:
    """A revision type as the Pi's documentation writes it; a text, so that detection finds it unparsed."""
    if not re.fullmatch("0x[0-9a-f]{2}", text):
        table.fail(key, f'is {text!r}; give two lower-case hexadecimal digits such as "0x17"')
    return int(text, 16)


def _features(cpu: TomlTable) -> tuple[str, ...]:
    features = cpu.texts("features")
    for index, name in enumerate(features):
        if name not in FEATURES:
            cpu.fail(f"features[{index}]", f"is {name!r}; give some of: {', '.join(FEATURES)}")
    return features


def _figure(table: TomlTable, key: str) -> Figure | None:
    if not table.has(key):
        return None
    inner = table.table(key)
    figure = Figure(inner.positive("value"), inner.text("source"))
    inner.done()
    return figure


def _by_dtype(table: TomlTable, key: str) -> dict[str, Figure]:
    inner = table.table(key)
    figures = {dtype: figure for dtype in PEAK_DTYPES if (figure := _figure(inner, dtype)) is not None}
    inner.done()
    return figures


def _cluster(table: TomlTable) -> Cluster:
    cluster = Cluster(
        name=table.text("name"),
        count=table.count("count"),
        kind=table.choice("kind", CLUSTER_KINDS),
        max_clock_hz=_figure(table, "max_clock_hz"),
        macs_per_cycle=_by_dtype(table, "macs_per_cycle"),
    )
    table.done()
    return cluster


def _accelerator(table: TomlTable) -> Accelerator:
    accelerator = Accelerator(
        name=table.text("name"),
        kind=table.choice("kind", ACCELERATOR_KINDS),
        peak_ops_per_s=_figure(table, "peak_ops_per_s"),
        macs_per_s=_by_dtype(table, "macs_per_s"),
    )
    table.done()
    return accelerator


def _sensors(table: TomlTable) -> Sensors:
    sensors = Sensors(table.texts("power"), table.texts("thermal"), table.texts("throttle"))
    table.done()
    return sensors


def _budget(table: TomlTable) -> PowerBudget:
    budget = PowerBudget(table.text("name"), Figure(table.positive("power_w"), table.text("source")))
    table.done()
    return budget


def _rails(table: TomlTable) -> PowerRails:
    rails = PowerRails(table.texts("total"), table.texts("inside"), table.text("source"))
    table.done()
    if not rails.total:
        table.fail("total", "is empty or missing; give the labels whose sum is the power, or leave rails out")
    names = (*rails.total, *rails.inside)
    if twice := next((name for name in names if names.count(name) > 1), None):
        table.fail("", f"names {twice!r} twice; a label counts once")
    return rails


def _shunts(table: TomlTable) -> dict[str, Figure]:
    figures = ((chip, _figure(table, chip)) for chip in table.names())
    return {chip: figure for chip, figure in figures if figure is not None}


def _check_sources(profile: DeviceProfile, cpu: TomlTable, memory: TomlTable) -> None:
    if profile.clusters and profile.cpu_source is None:
        cpu.fail("source", "is missing; say where the cores and features are published")
    if profile.memory_bytes and profile.memory_source is None:
        memory.fail("source", "is missing; say where the sizes are published")
    if list(profile.memory_bytes) != sorted(set(profile.memory_bytes)):
        memory.fail("bytes", "must rise; sort the sizes and list each once")
