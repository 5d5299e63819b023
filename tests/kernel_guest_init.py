"""The only program of the guest of `kernel_guest.py`: its kernel starts it as /init.

It plays the chip: i2c-stub keeps the registers, and this program fills them as the chip's data sheet says,
out of a bus voltage and a shunt voltage. The kernel's driver reads them, and edgeai's meter reads the driver.
Reads /cases.json, answers with a line of JSON a case on the second serial port, and powers the guest off.
Standard library only; the chips' arithmetic is the data sheets', and nothing of it comes from edgeai.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import sys
import termios
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE = 313  # x86-64's number of the system call: arch/x86/entry/syscalls/syscall_64.tbl
POWER_OFF = 0x4321FEDC  # linux/reboot.h
I2C_SLAVE_FORCE, I2C_SMBUS = 0x0706, 0x0720  # linux/i2c-dev.h; forced, since a driver holds the address
SMBUS_BYTE_DATA, SMBUS_WORD_DATA = 2, 3  # linux/i2c.h
CALIBRATION = {"ina219": 0x05, "ina226": 0x05, "ina238": 0x02}


class SmbusCall(ctypes.Structure):
    """struct i2c_smbus_ioctl_data of linux/i2c-dev.h."""

    _fields_ = (
        ("is_read", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
    )


class Stub:
    """The registers of one chip of i2c-stub, 16 bits each, the high byte first as in the chip."""

    def __init__(self, bus: int, address: int) -> None:
        self._file = os.open(f"/dev/i2c-{bus}", os.O_RDWR)
        fcntl.ioctl(self._file, I2C_SLAVE_FORCE, address)

    def read(self, register: int) -> int:
        return _swapped(self._call(True, register, SMBUS_WORD_DATA, 0))

    def write(self, register: int, value: int) -> None:
        # SMBus sends a word's low byte first, the INA chips their high byte (SBOS547B, "Serial Interface").
        self._call(False, register, SMBUS_WORD_DATA, _swapped(value & 0xFFFF))

    def write_bytes(self, register: int, data: bytes) -> None:
        """A register of more bits: i2c-stub hands out the low bytes of neighbouring words as a block."""
        for offset, each in enumerate(data):
            self._call(False, register + offset, SMBUS_BYTE_DATA, each)

    def close(self) -> None:
        os.close(self._file)

    def _call(self, is_read: bool, register: int, size: int, value: int) -> int:
        data = ctypes.c_uint16(value)
        call = SmbusCall(int(is_read), register, size, ctypes.addressof(data))
        fcntl.ioctl(self._file, I2C_SMBUS, call)
        return data.value


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def play(stub: Stub, chip: str, point: dict[str, Any]) -> dict[str, int]:
    """Fill the registers as the chip does once it has converted these voltages. Gives what it put in."""
    calibration = stub.read(CALIBRATION[chip]) if chip in CALIBRATION else 0
    registers = {
        "ina219": _ina219,
        "ina226": _ina226,
        "ina238": _ina238,
        "ina3221": _ina3221,
    }[chip](point, calibration)
    for name, value in registers.items():
        if name == "power24":
            stub.write_bytes(0x08, value.to_bytes(3, "big"))
        else:
            stub.write(int(name, 16), value)
    return {**registers, "calibration": calibration}


def _ina219(point: dict[str, Any], calibration: int) -> dict[str, int]:
    """SBOS448G, 8.5: LSB of shunt 10 uV, of bus 4 mV, above the bits CNVR and OVF."""
    shunt, bus = round(point["shunt_v"] / 10e-6), round(point["bus_v"] / 4e-3)
    current = shunt * calibration // 4096
    return {"1": shunt, "2": bus << 3 | 0b10, "3": abs(current * bus) // 5000, "4": current}


def _ina226(point: dict[str, Any], calibration: int) -> dict[str, int]:
    """SBOS547B, 6.5: LSB of shunt 2.5 uV, of bus 1.25 mV; bit 3 of register 6 says ready."""
    shunt, bus = round(point["shunt_v"] / 2.5e-6), round(point["bus_v"] / 1.25e-3)
    current = shunt * calibration // 2048
    return {"1": shunt, "2": bus, "3": abs(current * bus) // 20000, "4": current, "6": 0x0008}


def _ina238(point: dict[str, Any], calibration: int) -> dict[str, int]:
    """SLYS025: LSB of shunt 5 uV, of bus 3.125 mV, of current SHUNT_CAL / (819.2e6 R), of power 0.2 of it."""
    current_lsb_a = calibration / (819.2e6 * point["shunt_ohm"])
    current_a = point["shunt_v"] / point["shunt_ohm"]
    return {
        "4": round(point["shunt_v"] / 5e-6),
        "5": round(point["bus_v"] / 3.125e-3),
        "7": round(current_a / current_lsb_a),
        "power24": round(current_a * point["bus_v"] / (0.2 * current_lsb_a)),
    }


def _ina3221(point: dict[str, Any], _: int) -> dict[str, int]:
    """SBOS576: three channels, LSB of shunt 40 uV, of bus 8 mV, above three bits; CVRF says ready."""
    registers = {"f": 0x0001}
    for channel, (bus_v, shunt_v) in enumerate(point["channels"]):
        registers[f"{1 + 2 * channel:x}"] = (round(shunt_v / 40e-6) << 3) & 0xFFFF
        registers[f"{2 + 2 * channel:x}"] = round(bus_v / 8e-3) << 3
    return registers


def run(case: dict[str, Any], bus: int) -> dict[str, Any]:
    """One case: a chip with its driver, settings, voltages at several moments, and what the meter says."""
    here = f"/sys/bus/i2c/devices/{bus}-{case['address']:04x}"
    stub = Stub(bus, case["address"])
    Path(f"/sys/bus/i2c/devices/i2c-{bus}/new_device").write_text(f"{case['chip']} {case['address']:#x}")
    try:
        for pattern, text in case.get("settings", {}).items():
            _only(here, pattern).write_text(text)
        played = [play(stub, case["plays"], case["points"][0])]
        for path, text in case.get("files", {}).items():
            _put(Path(path), text.replace("{device}", str(_only(here, case["device"]))))
        meter, values = _open_meter(Path(case.get("root", "/"))), []
        if isinstance(meter, dict):
            return {"id": case["id"], "played": played, "meter": meter, "tree": _tree(here)}
        values.append(meter.read())
        for point in case["points"][1:]:
            played.append(play(stub, case["plays"], point))
            values.append(meter.read())
        meter.close()
        answer = {"info": asdict(meter.info), "values": values}
        return {"id": case["id"], "played": played, "meter": answer, "tree": _tree(here)}
    finally:
        for path in case.get("files", {}):
            Path(path).unlink(missing_ok=True)
        Path(f"/sys/bus/i2c/devices/i2c-{bus}/delete_device").write_text(f"{case['address']:#x}")
        stub.close()


def _open_meter(root: Path) -> Any:
    from edgeai.device import detect
    from edgeai.power import Site, find_meter
    from edgeai.sysroot import SysRoot
    from edgeai.unavailable import Unavailable

    tree = SysRoot(root)
    found = find_meter(Site(tree, detect(tree)))
    return asdict(found) if isinstance(found, Unavailable) else found


def _only(here: str, pattern: str) -> Path:
    (path,) = Path(here).glob(pattern)
    return path


def _put(path: Path, text: str) -> None:
    """A file, or a link where the text begins with `->`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if text.startswith("->"):
        path.symlink_to(text[2:])
    else:
        path.write_text(text)


def _tree(here: str) -> dict[str, dict[str, str]]:
    """Every file of the device that the kernel lets be read, and the links that lead to it."""
    device = Path(here).resolve()
    texts = {}
    for path in sorted(each for each in device.rglob("*") if each.is_file() and not each.is_symlink()):
        with suppress(OSError):
            texts[str(path)] = path.read_text("utf-8", "replace")
    places = (*device.rglob("*"), *Path("/sys/bus").glob("*/devices/*"), *Path("/sys/class/hwmon").glob("*"))
    links = [path for path in places if path.is_symlink() and path.resolve().is_relative_to(device)]
    return {"files": texts, "links": {str(path): str(path.readlink()) for path in links}}


def _mount(kind: str, at: str) -> None:
    Path(at).mkdir(exist_ok=True)
    if LIBC.mount(kind.encode(), at.encode(), kind.encode(), 0, None):
        raise OSError(ctypes.get_errno(), f"mount {at}")


def load(module: str, options: str = "") -> None:
    """finit_module(2) of a file of /modules."""
    with Path("/modules", module).open("rb") as file:
        if LIBC.syscall(FINIT_MODULE, file.fileno(), options.encode(), 0):
            raise OSError(ctypes.get_errno(), f"{module} cannot be loaded")


def main() -> None:
    for kind, at in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")):
        _mount(kind, at)
    sys.path.insert(0, "/edge")
    with Path("/dev/ttyS1").open("w") as answers:
        work = json.loads(Path("/cases.json").read_text())
        for module, options in work["modules"]:
            load(module, options)
        (adapter,) = (
            path.parent
            for path in Path("/sys/bus/i2c/devices").glob("i2c-*/name")
            if "stub" in path.read_text()
        )
        bus = int(adapter.name.partition("-")[2])
        for case in work["cases"]:
            try:
                answer = run(case, bus)
            except Exception:
                answer = {"id": case["id"], "failed": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)
        kept = {path: Path(path).read_text() for path in work["capture"] if Path(path).exists()}
        print(json.dumps({"id": "capture", "files": kept}), file=answers, flush=True)
        termios.tcdrain(answers.fileno())  # power off does not wait for the port


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
    finally:
        LIBC.reboot(POWER_OFF)
