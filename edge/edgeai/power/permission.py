"""How a user comes to read sensors that are root's: the udev rules that travel with edgeai."""

from __future__ import annotations

from .. import datafiles

RULES = "70-edgeai-power.rules"
GROUP = "edgeai"


def rules_file() -> str:
    """Where the rules lie: in the wheel, or in the checkout's `packaging/udev`."""
    return str(datafiles.data_folder(datafiles.__file__, "udev", "../../packaging/udev") / RULES)


def rules_advice(subsystem: str) -> str:
    """The commands that let this user read the sensors of a subsystem, now and after each boot."""
    return (
        f"install the udev rule and join its group: `sudo groupadd -f {GROUP} && "
        f"sudo usermod -aG {GROUP} $USER && sudo cp {rules_file()} /etc/udev/rules.d/ && "
        f"sudo udevadm control --reload && sudo udevadm trigger --action=add --subsystem-match={subsystem}`, "
        "then log in again"
    )
