"""Small valid files of every kind that Howard reads, made with what makes such files elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from guard.hostile import MOVIES, PICTURES

__all__ = ["KINDS", "make_seeds"]

_HOSTILE = {
    "exr": ("size.exr", "display.exr", "tile.exr"),
    "png": ("size.png",),
    "tiff": ("size.tif", "packed.tif", "strip.tif"),
    "dpx": ("size.dpx",),
    "heic": ("size.heic", "large.heic"),
    "mov": ("samples.mov", "size.mov"),
    "video": ("units.mxf",),
}
"""Headers that ask for too much: refused as they are, and what is changed in them may not be worse."""

_WIDTH, _HEIGHT = 20, 14
_METADATA = {
    "Copyright": "somebody",
    "framesPerSecond": (24000, 1001),
    "smpte:TimeCode": (0x10203011, 0),
    "chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
    "worldToCamera": tuple(float(i) for i in range(16)),
    "capDate": "2026:11:30 12:00:00",
    "howard:settings": '{"quality": "high"}',
}


def make_seeds(kind: str, folder: Path) -> dict[str, bytes]:
    """Make the valid files of a kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    folder : Path
        An empty folder to make them in.

    Returns
    -------
    dict of str to bytes
        By name, with the suffix of their format. Those called refused-... are valid and of no use to Howard.
    """
    hostile = {**PICTURES, **MOVIES}
    return KINDS[kind](folder) | {
        f"refused-{name}": hostile[name][0](folder / name) for name in _HOSTILE.get(kind, ())
    }


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _pixels(channels: int, height: int = _HEIGHT, width: int = _WIDTH) -> np.ndarray:
    ramp = np.linspace(0, 1, height * width * channels, dtype=np.float32)
    return np.ascontiguousarray(ramp.reshape(height, width, channels))


# Pictures.


def _picture(
    path: Path, channels: int, depth: str, *, size: tuple[int, int] = (_WIDTH, _HEIGHT), **attributes: Any
) -> None:
    import OpenImageIO as oiio  # noqa: N813

    spec = oiio.ImageSpec(*size, channels, depth)
    tile = attributes.pop("tile", 0)
    spec.tile_width = spec.tile_height = tile
    for name, value in attributes.items():
        if name == "ICCProfile":
            spec.attribute(name, oiio.TypeDesc(f"uint8[{len(value)}]"), value)
        else:
            spec.attribute(name.replace("__", ":"), value)
    target = oiio.ImageOutput.create(str(path))
    assert target is not None
    assert target.open(str(path), spec), path
    pixels = _pixels(channels, size[1], size[0])
    if tile:
        assert target.write_tiles(0, size[0], 0, size[1], 0, 1, pixels)
    else:
        assert target.write_image(pixels)
    assert target.close()


def _profile() -> bytes:
    """Give an ICC profile that is the same at any time."""
    from PIL import ImageCms

    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[24:36] = (2026).to_bytes(2, "big") + bytes((0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
    return bytes(content)


def _exr(folder: Path) -> dict[str, bytes]:
    import OpenImageIO as oiio  # noqa: N813

    from howard_nodes.frames import EXR_COMPRESSIONS, Window, write_image

    for compression in EXR_COMPRESSIONS:
        path = folder / f"{compression}.exr"
        write_image(path, _pixels(4), "RGBA", compression=compression, metadata=_METADATA)
    windows = {"data_window": Window(-3, 5, _WIDTH, _HEIGHT), "display_window": Window(0, 0, 64, 48)}
    names = ("R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B", "Z", "id.object")
    write_image(
        folder / "layers.exr", _pixels(8), names, depth="float", colorspace="lin_ap1_scene", **windows
    )
    _picture(folder / "tiled.exr", 3, "half", size=(64, 64), tile=32, textureformat="Plain Texture")
    _picture(folder / "uint.exr", 3, "uint32", compression="zips")
    specs = []
    for name in ("beauty", "normal"):
        spec = oiio.ImageSpec(_WIDTH, _HEIGHT, 3, "half")
        spec.attribute("name", name)
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    path, target = str(folder / "parts.exr"), oiio.ImageOutput.create("openexr")
    assert target is not None
    assert target.open(path, tuple(specs))
    for index, spec in enumerate(specs):
        assert index == 0 or target.open(path, spec, "AppendSubimage")
        assert target.write_image(_pixels(3))
    assert target.close()
    return _read(folder)


def _dpx(folder: Path) -> dict[str, bytes]:
    for bits in (8, 10, 12, 16):
        _picture(
            folder / f"{bits}.dpx", 3, "uint8" if bits == 8 else "uint16", oiio__BitsPerSample=bits,
            smpte__TimeCode="01:02:03:04", dpx__FrameRate=24.0, dpx__Transfer="Logarithmic",
        )  # fmt: skip
    _picture(folder / "linear.dpx", 4, "uint16", dpx__Transfer="Linear", oiio__Endian="little")
    return _read(folder)


def _png(folder: Path) -> dict[str, bytes]:
    from howard_nodes.frames import write_image

    write_image(folder / "ours.png", _pixels(4), "RGBA", colorspace="srgb_rec709_scene", metadata=_METADATA)
    _picture(folder / "rgb.png", 3, "uint8", ICCProfile=_profile(), Orientation=6, Copyright="somebody")
    _picture(folder / "gray.png", 1, "uint8", oiio__ColorSpace="g22_rec709_scene")
    _picture(folder / "pair.png", 2, "uint16", png__interlace=1, PixelAspectRatio=2.0)
    return _read(folder)


def _tiff(folder: Path) -> dict[str, bytes]:
    import OpenImageIO as oiio  # noqa: N813

    for compression in ("none", "lzw", "zip", "packbits"):
        _picture(
            folder / f"{compression}.tif", 3, "uint8", compression=compression, ICCProfile=_profile(),
            Orientation=3, Exif__ColorSpace=1, Make="Sony", IPTC__City="Here",
        )  # fmt: skip
    _picture(folder / "float.tif", 4, "float", compression="zip", oiio__UnassociatedAlpha=1)
    _picture(folder / "tiled.tif", 3, "uint16", size=(64, 64), tile=32)
    _picture(folder / "planes.tif", 3, "half", planarconfig="separate")
    _picture(folder / "jpeg.tif", 3, "uint8", compression="jpeg", size=(32, 32))
    _picture(folder / "bits.tif", 1, "uint8", oiio__BitsPerSample=1, compression="ccittfax4")
    spec, target = oiio.ImageSpec(_WIDTH, _HEIGHT, 3, "uint8"), oiio.ImageOutput.create("tiff")
    assert target is not None
    for mode in ("Create", "AppendSubimage"):
        assert target.open(str(folder / "pages.tif"), spec, mode)
        assert target.write_image(_pixels(3))
    assert target.close()
    return _read(folder)


def _jpeg(folder: Path) -> dict[str, bytes]:
    about = {
        "Orientation": 6,
        "Make": "Sony",
        "Exif__ColorSpace": 1,
        "ExposureTime": 0.01,
        "IPTC__City": "Here",
    }
    _picture(folder / "rgb.jpg", 3, "uint8", size=(32, 24), ICCProfile=_profile(), **about)
    _picture(folder / "gray.jpg", 1, "uint8", size=(32, 24), XResolution=72.0)
    _picture(folder / "steps.jpg", 3, "uint8", size=(32, 24), jpeg__progressive=1, jpeg__subsampling="4:4:4")
    return _read(folder)


def _webp(folder: Path) -> dict[str, bytes]:
    _picture(folder / "lossless.webp", 4, "uint8", compression="lossless:100", Copyright="somebody")
    _picture(folder / "lossy.webp", 3, "uint8", compression="webp:50", ICCProfile=_profile())
    return _read(folder)


def _heic(folder: Path) -> dict[str, bytes]:
    import pillow_heif

    for name, mode, kind, channels in (
        ("rgb.heic", "RGB", np.uint8, 3),
        ("alpha.heic", "RGBA", np.uint8, 4),
        ("deep.heic", "RGB;16", np.uint16, 3),
    ):
        stored = np.rint(_pixels(channels, 32, 32) * np.iinfo(kind).max).astype(kind)
        pillow_heif.from_bytes(mode, (32, 32), stored.tobytes()).save(folder / name, quality=50)
    return _read(folder)


# Movies.


def _movie(
    path: Path, codec: str, pixels: str, count: int = 4, *, rotation: int = 0, tags: tuple[int, ...] = (),
    **options: str,
) -> None:  # fmt: skip
    import av

    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=Fraction(24), options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        context = stream.codec_context
        context.thread_count = 1
        if tags:
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        if path.suffix == ".mov":
            stream.metadata["timecode"] = "01:00:00:00"
        if rotation:
            stream.set_display_rotation(rotation)
        for index in range(count):
            frame = av.VideoFrame(64, 48, pixels)
            for plane in frame.planes:
                ramp = np.arange(plane.buffer_size, dtype=np.int64) * 3 + index * 20
                plane.update((ramp % 200 + 20).astype(np.uint8).tobytes())
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def _mov(folder: Path) -> dict[str, bytes]:
    _movie(folder / "prores.mov", "prores_ks", "yuv422p10le", 2)
    _movie(folder / "prores4444.mov", "prores_ks", "yuva444p10le", 1)
    _movie(folder / "h264.mov", "libx264", "yuv420p", rotation=90, tags=(1, 1, 1, 1))
    _movie(folder / "mjpeg.mov", "mjpeg", "yuvj420p", 2)
    _movie(folder / "rle.mov", "qtrle", "argb", 2)
    _movie(folder / "png.mov", "png", "rgba", 2)
    _movie(folder / "plain.mov", "v210", "yuv422p10le", 1)
    return _read(folder)


def _mp4(folder: Path) -> dict[str, bytes]:
    _movie(folder / "h264.mp4", "libx264", "yuv420p", 6, bf="2", g="3")
    _movie(
        folder / "h265.mp4",
        "libx265",
        "yuv420p10le",
        4,
        tags=(1, 9, 9, 16),
        **{"x265-params": "log-level=none"},
    )
    _movie(folder / "mpeg4.mp4", "mpeg4", "yuv420p", 4)
    os.environ["SVT_LOG"] = "0"  # its encoder is talkative
    _movie(folder / "av1.mp4", "libsvtav1", "yuv420p", 2)
    return _read(folder)


def _video(folder: Path) -> dict[str, bytes]:
    _movie(folder / "ffv1.mkv", "ffv1", "yuv444p", 3)
    _movie(folder / "vp9.webm", "libvpx-vp9", "yuv420p", 3)
    _movie(folder / "dv.avi", "mpeg4", "yuv420p", 3)
    _movie(folder / "mpeg2.mxf", "mpeg2video", "yuv422p", 3)
    return _read(folder)


# Documents.


def _fit(folder: Path) -> dict[str, bytes]:
    from howard_nodes.plates.fit import FrameFit, ShotFit, Source

    flow = np.linspace(-1, 1, 3 * 4 * 2, dtype=np.float32).reshape(3, 4, 2)
    frames = {
        1001: FrameFit(1001, (Source(1),)),
        1002: FrameFit(
            1002,
            (Source(1, (1.0, 0.01, 3.0, 0.0, 1.0, -2.0, 0.0, 0.0, 1.0)), Source(7)),
            flow=flow,
            gain=(1.1, 1.0, 0.9),
            gain_field=(0.0, 0.1, 0.2, 0.0, 0.0, 0.1),
            ceiling=(1.0, 1.0, 1.0),
            motion="flow",
            verdict="doubtful",
            message="few points",
            inliers=40,
            residual=0.4,
            difference=0.01,
            coverage=0.97,
        ),
    }
    ShotFit((64, 48), "ACEScg", frames, True, ("a note",)).save(folder / "fit.json")
    return _read(folder)


def _report(folder: Path) -> dict[str, bytes]:
    return {
        name: json.dumps(document).encode()
        for name, document in {
            "case.json": {"kind": "hair", "made": "rendered", "seed": 4, "source": "scenes"},
            "claim.json": {
                "format": "howard-farm-claim", "version": 1, "job": "a1", "name": "shot", "made": "2026",
            },
            "submission.json": {
                "format": "howard-farm-submission", "version": 1, "engine": "local", "retries": 2,
                "made": "2026-11-30", "known": {"job": "7"},
            },
            "verify.json": {
                "format": "howard-verify-report", "version": 1, "output": "out/s.####.exr", "frames": "1-4",
                "total": 4, "well": 3, "problems": {"2": ["is truncated"]}, "facts": {"size": {"64x48": 4}},
            },
        }.items()
    }  # fmt: skip


_CONFIG = """ocio_profile_version: 2.1
search_path: lut
strictparsing: true
luma: [0.2126, 0.7152, 0.0722]
roles:
  default: raw
  scene_linear: lin_rec709
  aces_interchange: aces
file_rules:
  - !<Rule> {name: EXR, colorspace: lin_rec709, pattern: "*", extension: exr}
  - !<Rule> {name: Log, colorspace: log, regex: ".*_log\\\\..*"}
  - !<Rule> {name: Default, colorspace: default}
displays:
  sRGB:
    - !<View> {name: Raw, colorspace: raw}
view_transforms:
  - !<ViewTransform>
    name: plain
    from_scene_reference: !<MatrixTransform> {matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}
display_colorspaces:
  - !<ColorSpace>
    name: display
    aliases: [srgb_display]
    from_display_reference: !<ExponentWithLinearTransform> {gamma: 2.4, offset: 0.055, direction: inverse}
colorspaces:
  - !<ColorSpace>
    name: raw
    isdata: true
  - !<ColorSpace>
    name: lin_rec709
    aliases: [lin_rec709_scene]
    encoding: scene-linear
    to_scene_reference: !<MatrixTransform> {matrix: [0.4, 0.4, 0.2, 0, 0.1, 0.8, 0.1, 0, 0, 0.1, 0.9, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: aces
  - !<ColorSpace>
    name: log
    to_scene_reference: !<GroupTransform>
      children:
        - !<LogCameraTransform> {base: 10, log_side_slope: 0.25, log_side_offset: 0.4, lin_side_slope: 5.6, lin_side_offset: 0.05, lin_side_break: 0.01, direction: inverse}
        - !<ColorSpaceTransform> {src: lin_rec709, dst: aces}
  - !<ColorSpace>
    name: more
    to_scene_reference: !<GroupTransform>
      children:
        - !<BuiltinTransform> {style: ACEScct_to_ACES2065-1}
        - !<CDLTransform> {slope: [1, 1.1, 1], offset: [0, 0, 0.01], power: [1, 1, 1.2], sat: 0.9}
        - !<RangeTransform> {min_in_value: 0, max_in_value: 1, min_out_value: 0, max_out_value: 2}
        - !<AllocationTransform> {allocation: lg2, vars: [-8, 8]}
        - !<ExposureContrastTransform> {style: linear, exposure: 0.5, contrast: 1.1, gamma: 1, pivot: 0.18}
        - !<FixedFunctionTransform> {style: ACES_RedMod03}
        - !<GradingPrimaryTransform> {style: linear, contrast: {rgb: [1, 1, 1], master: 1.1}}
        - !<FileTransform> {src: FILE, interpolation: tetrahedral}
"""  # noqa: E501 - as configurations are written

_LUTS = {
    "a.spi1d": "Version 1\nFrom 0.0 1.0\nLength 4\nComponents 1\n{\n 0.0\n 0.3\n 0.7\n 1.0\n}\n",
    "a.spimtx": "1 0 0 0\n0 1 0 655\n0 0 1 0\n",
    "a.spi3d": "SPILUT 1.0\n3 3\n2 2 2\n"
    + "".join(f"{r} {g} {b} {r} {g} {b}\n" for r in (0, 1) for g in (0, 1) for b in (0, 1)),
    "a.cube": 'TITLE "x"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n'
    + "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1)),
    "b.cube": "LUT_1D_SIZE 3\n0 0 0\n0.4 0.5 0.6\n1 1 1\n",
    "a.3dl": "0 512 1023\n"
    + "".join(f"{r} {g} {b}\n" for r in (0, 512, 1023) for g in (0, 512, 1023) for b in (0, 512, 1023)),
    "a.csp": "CSPLUTV100\n1D\n\n2\n0 1\n0 1\n2\n0 1\n0 1\n2\n0 1\n0 1\n\n3\n0 0 0\n0.5 0.4 0.3\n1 1 1\n",
    "a.clf": '<?xml version="1.0" encoding="UTF-8"?>\n<ProcessList id="1" compCLFversion="3">\n'
    '<Matrix inBitDepth="32f" outBitDepth="32f"><Array dim="3 3">1 0 0 0 1 0 0 0 1</Array></Matrix>\n'
    '<LUT1D inBitDepth="32f" outBitDepth="32f"><Array dim="3 1">0 0.4 1</Array></LUT1D>\n'
    '<Range inBitDepth="32f" outBitDepth="32f">'
    "<minInValue>0</minInValue><minOutValue>0</minOutValue></Range>\n"
    "</ProcessList>\n",
    "a.cdl": '<ColorDecisionList xmlns="urn:ASC:CDL:v1.2"><ColorDecision>\n<ColorCorrection id="a">'
    "<SOPNode>\n<Slope>1 1 1</Slope><Offset>0 0 0</Offset><Power>1 1 1</Power>\n</SOPNode><SatNode>"
    "<Saturation>1</Saturation></SatNode></ColorCorrection>\n</ColorDecision></ColorDecisionList>\n",
}  # fmt: skip


def _ocio(folder: Path) -> dict[str, bytes]:
    """Give configurations, and look-up tables that `fuzz.targets` puts beside the first of them."""
    made = {name: text.encode() for name, text in _LUTS.items()}
    made["plain.ocio"] = _CONFIG.replace(
        "        - !<FileTransform> {src: FILE, interpolation: tetrahedral}\n", ""
    ).encode()
    made["table.ocio"] = _CONFIG.replace("FILE", "a.cube").encode()
    import PyOpenColorIO as ocio  # noqa: N813

    (folder / "lut").mkdir()
    (folder / "lut" / "a.cube").write_bytes(made["a.cube"])
    (folder / "table.ocio").write_bytes(made["table.ocio"])
    config = ocio.Config.CreateFromFile(str(folder / "table.ocio"))
    config.archive(str(folder / "table.ocioz"))
    made["table.ocioz"] = (folder / "table.ocioz").read_bytes()
    return made


def config_with(lut: str) -> bytes:
    """Give a configuration that uses a look-up table, by its name."""
    return _CONFIG.replace("FILE", lut).encode()


def _message(folder: Path) -> dict[str, bytes]:
    from howard_nodes.description import KNOBS, OPTIONS

    block = {"memory": "howard-1", "offset": 0, "shape": [8, 8, 3], "dtype": "float32"}
    knobs = {knob.name: knob.default for knob in KNOBS}
    calls: Mapping[str, Mapping[str, Any]] = {
        "hello": {"protocol": 1, "client": "my host"},
        "configure": {"knobs": {"quality": "draft"}, "options": {"depth": "float"}, "warm": True},
        "cancel": {"request": 7},
        "status": {},
        "evaluate": {
            "inputs": {"plate": "p.####.exr", "clean_plate": "c.exr", "inside": None}, "output": "o.####.exr",
            "frames": "1001-1002", "knobs": knobs,
            "options": {option.name: option.default for option in OPTIONS},
        },
        "evaluate pixels": {
            "frame": 1, "space": None, "inputs": {"plate": block, "clean_plate": block},
            "outputs": {"alpha": block | {"shape": [8, 8], "offset": 768}, "foreground": block},
            "knobs": knobs, "options": {"ocio": None},
        },
    }  # fmt: skip
    return {
        f"{name}.json": json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": name.split()[0], "params": params}
        ).encode()
        for name, params in calls.items()
    }


def _weights(folder: Path) -> dict[str, bytes]:
    import torch
    from safetensors.torch import save

    from howard_nodes.network import MattingNetwork, save_weights

    torch.manual_seed(5)
    network = MattingNetwork("lite0", features=1, refiner_widths=(1, 1, 1)).eval()
    save_weights(network, folder / "whole.safetensors", {"note": "made for the tests"})
    few = {"refiner.conv1.weight": torch.zeros(2, 12, 3, 3), "refiner.conv2.weight": torch.zeros(2, 2, 3, 3)}
    few |= {"refiner.conv3.weight": torch.zeros(2, 2, 3, 3), "lite0.a": torch.zeros(3)}
    (folder / "refused-few.safetensors").write_bytes(
        save(few, {"backbone": "lite0", "backbone_scale": "0.5"})
    )
    torch.save({"state_dict": few}, folder / "refused-checkpoint.pth")
    script = torch.jit.script(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)))
    torch.jit.save(script, folder / "refused-script.pth")
    return _read(folder)


KINDS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    "exr": _exr,
    "dpx": _dpx,
    "png": _png,
    "tiff": _tiff,
    "jpeg": _jpeg,
    "webp": _webp,
    "heic": _heic,
    "mov": _mov,
    "mp4": _mp4,
    "video": _video,
    "fit": _fit,
    "report": _report,
    "ocio": _ocio,
    "message": _message,
    "weights": _weights,
}
"""What makes the seeds of each kind."""
