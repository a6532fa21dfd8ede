"""Start ComfyUI beside a torch that torchvision does not fit: `serve.py MAIN.PY ARGUMENT ...`."""

import runpy
import sys

import torch

# torchvision registers fakes for these on import; ComfyUI imports it for nodes that have no part here.
operators = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
