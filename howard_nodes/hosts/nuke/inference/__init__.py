"""The node as one TorchScript module, for Nuke's Inference node.

Everything here is compiled by `torch.jit.script` and read back by the torch inside Nuke: 1.6 in Nuke 13, 1.12
in 14, 2.1 in 15 and 16. So it keeps to what all of these know: no operator younger than torch 1.6, no scalar
beside a tensor in `torch.where`, no functions of `torch.nn.functional` (newer ones call newer operators).
"""

from howard_nodes.hosts.nuke.inference.model import CHANNELS_IN, CHANNELS_OUT, InferenceModel, Quality

__all__ = ["CHANNELS_IN", "CHANNELS_OUT", "InferenceModel", "Quality"]
