"""The reference implementation, importable and with weights that make sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    # The pictures are small: threads that wait for each other take longer, most of all on a busy machine.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="session")
def torchvision_operators() -> torch.library.Library:
    # torchvision registers fakes for these on import; its compiled part does not load beside every torch,
    # and the reference uses nothing but its class definitions.
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


@pytest.fixture(scope="session")
def reference(torchvision_operators: torch.library.Library) -> Any:
    """The module `BackgroundMattingV2.model`."""
    import BackgroundMattingV2.model as module

    return module


@pytest.fixture(scope="session")
def reference_network(reference: Any) -> Callable[[str], nn.Module]:
    """Make the authors' network for a backbone, random but well-behaved; each is made once."""
    made: dict[str, nn.Module] = {}

    def make(backbone: str) -> nn.Module:
        if backbone not in made:
            torch.manual_seed(11)
            made[backbone] = _settle(reference.MattingRefine(backbone))
        return made[backbone]

    return make


def _settle(network: nn.Module) -> nn.Module:
    """Give all normalisations true statistics and weights of their own, and the outputs a useful range."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        nn.init.uniform_(norm.weight, 0.6, 1.4)
        nn.init.normal_(norm.bias, 0.0, 0.2)
    network.refiner.mode = "full"
    raw: dict[nn.Module, torch.Tensor] = {}
    heads = {
        network.decoder.conv4: ([0.5, 0.0, 0.0, 0.0, 0.3], 0.08),
        network.refiner.conv4: ([0.5, 0.0, 0.0, 0.0], 0.15),
    }
    hooks = [
        head.register_forward_hook(lambda module, _, out: raw.update({module: out.clone()})) for head in heads
    ]
    with torch.no_grad():
        network.train()
        network(torch.rand(2, 3, 192, 192), torch.rand(2, 3, 192, 192))
        network.eval()
        for norm in norms:
            # Two random pictures can be so alike that others, and rounding errors, would be blown up.
            norm.running_var.clamp_(min=0.05)
        # Values within their ranges, so that no clamp hides or repeats them.
        for head, (middle, spread) in heads.items():
            network(torch.rand(2, 3, 192, 192), torch.rand(2, 3, 192, 192))
            channels = slice(len(middle))
            scale = spread / raw[head].std((0, 2, 3))[channels]
            head.weight[channels] *= scale[:, None, None, None]
            mean = raw[head].mean((0, 2, 3))[channels]
            head.bias[channels] = (head.bias[channels] - mean) * scale + torch.tensor(middle)
    for hook in hooks:
        hook.remove()
    return network
