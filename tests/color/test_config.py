from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest
from numpy.typing import NDArray

from howard_nodes.color import SHIPPED_CONFIG, ColorConfig, loading
from howard_nodes.color.conversion import BRIGHTEST
from howard_nodes.errors import ColorError, InputError

TEXT = SHIPPED_CONFIG.read_text(encoding="utf-8")

BARE = """\
ocio_profile_version: 1
strictparsing: false
roles: {default: light, scene_linear: light}
displays:
  screen:
    - !<View> {name: plain, colorspace: light}
colorspaces:
  - !<ColorSpace> {name: light}
  - !<ColorSpace>
    name: curve
    from_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1], direction: inverse}
  - !<ColorSpace>
    name: table
    from_reference: !<FileTransform> {src: missing.spi1d, interpolation: linear}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def without_linear_rec709(tmp_path: Path) -> Path:
    config = ocio.Config.CreateFromFile(str(SHIPPED_CONFIG))
    rules = config.getFileRules()
    rules.removeRule(rules.getIndexForRule("HDR"))
    config.setFileRules(rules)
    config.removeColorSpace("Linear Rec.709 (sRGB)")
    return write(tmp_path / "no709.ocio", config.serialize())


# --- loading


def test_loads_the_shipped_configuration_by_default() -> None:
    config = ColorConfig.load()
    assert config.name == "howard.ocio"
    assert "shipped" in config.description
    assert config.scene_linear == "ACEScg"


def test_variable_names_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "ocio://cg-config-latest")
    assert ColorConfig.load().name == "ocio://cg-config-latest"
    assert "$OCIO" in ColorConfig.load().description
    assert ColorConfig.load("howard").name == "howard.ocio"
    assert "$OCIO" not in ColorConfig.load("ocio://default").description
    monkeypatch.setenv("OCIO", "")
    assert ColorConfig.load().name == "howard.ocio"


@pytest.mark.parametrize(
    "name", ["ocio://default", "cg-config-latest", "studio-config-v1.0.0_aces-v1.3_ocio-v2.1"]
)
def test_loads_built_in_configurations(name: str) -> None:
    assert ColorConfig.load(name).scene_linear == "ACEScg"


def test_loads_a_file_with_spaces_and_letters_outside_ascii(tmp_path: Path) -> None:
    path = write(tmp_path / "Ünïcode 色" / "mein config.ocio", TEXT)
    config = ColorConfig.load(path)
    assert (config.name, config.description) == ("mein config.ocio", str(path))


def test_on_windows_it_is_read_for_opencolorio_where_that_opens_no_such_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = "  - !<ColorSpace>\n    name: of a file\n"
    look += "    from_scene_reference: !<FileTransform> {src: look.spi1d}\n"
    head, colorspaces, rest = TEXT.partition("\ncolorspaces:\n")
    path = write(tmp_path / "Ünïcode 色" / "config.ocio", f"{head}{colorspaces}{look}{rest}")
    table = "Version 1\nFrom 0 1\nLength 2\nComponents 1\n{\n0\n0.5\n}\n"
    write(path.with_name("look.spi1d"), table)
    expected = ColorConfig.load(path)
    monkeypatch.setattr(loading, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(ocio.Config, "CreateFromFile", lambda path: pytest.fail(f"opens {path}"))
    config = ColorConfig.load(path)
    assert config.fingerprint == expected.fingerprint
    assert [space.name for space in config.spaces()] == [space.name for space in expected.spaces()]
    pixels = np.full((1, 1, 3), 0.5, np.float32)
    there = expected.convert(pixels, config.scene_linear, "of a file")
    np.testing.assert_array_equal(config.convert(pixels, config.scene_linear, "of a file"), there)


def test_fingerprint_tells_configurations_apart(tmp_path: Path, shipped: ColorConfig) -> None:
    same = ColorConfig.load(write(tmp_path / "same.ocio", TEXT))
    other = ColorConfig.load(write(tmp_path / "other.ocio", TEXT.replace("offset: 0.055", "offset: 0.056")))
    assert same.fingerprint == shipped.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("this: is: not yaml", "cannot be read"),
        ("just a sentence", "cannot be read"),
        (TEXT.replace("profile_version: 2.2", "profile_version: 2.99"), "newer than OpenColorIO"),
        (TEXT.replace("profile_version: 2.2", "profile_version: 3.1"), "newer than OpenColorIO"),
        (TEXT.replace("[acescg, ", "[scene_linear, "), "alias 'scene_linear'"),
        (TEXT.replace("  scene_linear: ACEScg\n", ""), "no scene_linear role"),
        (TEXT.replace("scene_linear: ACEScg", "scene_linear: Nothing"), "no scene_linear role"),
    ],
    ids=["yaml", "text", "newer minor", "newer major", "alias is a role", "no role", "dangling role"],
)
def test_bad_configuration(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ColorError, match=said) as caught:
        ColorConfig.load(write(tmp_path / "bad.ocio", text))
    assert "bad.ocio" in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)


def test_missing_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ColorError, match=r"gone\.ocio does not exist.*--ocio howard"):
        ColorConfig.load(tmp_path / "gone.ocio")
    with pytest.raises(ColorError, match="is a folder"):
        ColorConfig.load(tmp_path)
    with pytest.raises(ColorError, match=r"no built-in configuration ocio://gone.*studio-config-latest"):
        ColorConfig.load("ocio://gone")
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    with pytest.raises(ColorError, match=r"\(\$OCIO\) does not exist.*unset \$OCIO"):
        ColorConfig.load()


# --- names


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("logc3", "ARRI LogC3 (EI800)"),
        ("LOGC4", "ARRI LogC4"),
        ("slog3", "S-Log3 S-Gamut3.Cine"),
        ("slog3_sgamut3", "S-Log3 S-Gamut3"),
        ("vlog", "V-Log V-Gamut"),
        ("log3g10", "Log3G10 REDWideGamutRGB"),
        ("applelog", "Apple Log"),
        ("clog2", "CanonLog2 CinemaGamut D55"),
        ("clog3", "CanonLog3 CinemaGamut D55"),
        ("acescg", "ACEScg"),
        ("lin_ap1_scene", "ACEScg"),
        ("aces", "ACES2065-1"),
        ("lin_ap0_scene", "ACES2065-1"),
        ("acescct", "ACEScct"),
        ("srgb", "sRGB Encoded Rec.709 (sRGB)"),
        ("srgb_rec709_scene", "sRGB Encoded Rec.709 (sRGB)"),
        ("lin_rec709_scene", "Linear Rec.709 (sRGB)"),
        ("rec709", "Camera Rec.709"),
        ("rec1886", "Rec.1886 Rec.709 - Display"),
        ("KodakLog", "Cineon Film Log"),
        ("ocio:arrilogc4_awg4_scene", "ARRI LogC4"),
        ("scene_linear", "ACEScg"),
    ],
)
def test_names_and_aliases(shipped: ColorConfig, asked: str, name: str) -> None:
    assert shipped.space(asked) == name


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("logc", "ARRI LogC3"),
        ("linear", "Linear Rec.709"),
        ("S-Log 3", "S-Log3"),
        ("acecsg", "ACEScg"),
        ("red", "RED"),
    ],
)
def test_unknown_space_names_near_ones(shipped: ColorConfig, typed: str, near: str) -> None:
    with pytest.raises(ColorError, match="Did you mean") as caught:
        shipped.space(typed)
    assert repr(typed) in str(caught.value)
    assert near in str(caught.value)


def test_unknown_space_unlike_any_lists_all(shipped: ColorConfig) -> None:
    with pytest.raises(ColorError, match=r"It has: ACES2065-1, .*Raw"):
        shipped.space("qqqq")


def test_loose_parsing_does_not_hide_an_unknown_space(tmp_path: Path) -> None:
    with pytest.raises(ColorError, match="no colour space 'nonsense'"):
        ColorConfig.load(write(tmp_path / "bare.ocio", BARE)).space("nonsense")


def test_lists_spaces(shipped: ColorConfig) -> None:
    spaces = {space.name: space for space in shipped.spaces()}
    assert len(spaces) == len(shipped.spaces())
    assert spaces["ARRI LogC4"].family == "Input/ARRI"
    assert spaces["ARRI LogC4"].encoding == "log"
    assert "logc4" in spaces["ARRI LogC4"].aliases
    assert "CIE XYZ-D65" not in spaces
    assert next(iter(spaces)) == "ACES2065-1"


def test_scene_linear_by_encoding_or_by_transform(tmp_path: Path, shipped: ColorConfig) -> None:
    linear = {space.name for space in shipped.spaces() if shipped.is_scene_linear(space.name)}
    assert linear == {"ACEScg", "ACES2065-1"} | {name for name in linear if name.startswith("Linear ")}
    assert len(linear) == 11
    bare = ColorConfig.load(write(tmp_path / "bare.ocio", BARE))
    assert [bare.is_scene_linear(name) for name in ("light", "curve", "table")] == [True, False, False]


def test_interop_id(shipped: ColorConfig, studio: ColorConfig) -> None:
    for config in (shipped, studio, ColorConfig.load("studio-config-v1.0.0_aces-v1.3_ocio-v2.1")):
        assert config.interop_id("scene_linear") == "lin_ap1_scene"
        assert config.interop_id("lin_rec709") == "lin_rec709_scene"
    assert shipped.interop_id("logc4") is None


# --- the space of a file


def test_request_wins_over_tag_and_rule(shipped: ColorConfig) -> None:
    found = shipped.resolve("/a/plate.1001.exr", "lin_rec709_scene", "logc3")
    assert found.space == "ARRI LogC3 (EI800)"
    assert found.reason == "plate.1001.exr: ARRI LogC3 (EI800), as asked for"
    assert not found.guessed


def test_tag_wins_over_rule(shipped: ColorConfig) -> None:
    found = shipped.resolve("/a/plate.1001.exr", "lin_rec709_scene", None)
    assert found.space == "Linear Rec.709 (sRGB)"
    assert "from the file's own tag lin_rec709_scene" in found.reason
    assert not found.guessed


@pytest.mark.parametrize("tag", ["foo_bar", "data"])
def test_useless_tag_falls_through_to_the_rules(shipped: ColorConfig, tag: str) -> None:
    found = shipped.resolve("plate.exr", tag, None)
    assert found.space == "ACEScg"
    assert f"its tag {tag}" in found.reason
    assert found.guessed


@pytest.mark.parametrize(
    ("file", "space"),
    [
        ("a.exr", "ACEScg"),
        ("/show/none/logc3/a.EXR", "ACEScg"),
        ("a.png", "sRGB Encoded Rec.709 (sRGB)"),
        ("a.JPeG", "sRGB Encoded Rec.709 (sRGB)"),
        ("a.jpg", "sRGB Encoded Rec.709 (sRGB)"),
        ("a.tif", "sRGB Encoded Rec.709 (sRGB)"),
        ("é 1.TIFF", "sRGB Encoded Rec.709 (sRGB)"),
        ("a.dpx", "Cineon Film Log"),
        ("a.CIN", "Cineon Film Log"),
        ("a.hdr", "Linear Rec.709 (sRGB)"),
        ("a.mov", "Rec.1886 Rec.709 - Display"),
    ],
)
def test_file_rules(shipped: ColorConfig, file: str, space: str) -> None:
    found = shipped.resolve(file, None, None)
    assert found.space == space
    assert found.guessed
    assert "by file rule" in found.reason
    assert "howard.ocio" in found.reason
    assert "--colorspace" in found.reason
    assert "\n" not in found.reason


def test_refuses_a_file_that_no_rule_knows(shipped: ColorConfig) -> None:
    with pytest.raises(ColorError, match=r"a\.xyz: which colour space.*--colorspace"):
        shipped.resolve("/x/a.xyz", None, None)
    with pytest.raises(ColorError, match="no colour space 'logc'"):
        shipped.resolve("a.exr", None, "logc")


def test_raw_on_request_leaves_values_alone(shipped: ColorConfig, picture: NDArray[np.float32]) -> None:
    found = shipped.resolve("a.exr", None, "raw")
    assert found.space == "Raw"
    assert "left alone" in found.reason
    assert np.array_equal(shipped.convert(picture, "Raw", "scene_linear"), picture)


@pytest.mark.parametrize(
    ("chromaticities", "space"),
    [
        ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290), "Linear Rec.709 (sRGB)"),
        ((0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767), "ACES2065-1"),
        ((0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767), "ACEScg"),
        ((1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3), None),
    ],
)
def test_chromaticities_stand_in_for_a_tag(
    shipped: ColorConfig, chromaticities: tuple[float, ...], space: str | None
) -> None:
    as_stored = np.float32(chromaticities).tolist()
    found = shipped.resolve("a.exr", None, None, chromaticities=as_stored)
    assert found.space == (space or "ACEScg")
    assert found.guessed == (space is None)
    tagged = shipped.resolve("a.exr", "logc4", None, chromaticities=as_stored)
    assert tagged.space == "ARRI LogC4"


@pytest.mark.parametrize("version", ["studio-config-latest", "cg-config-v1.0.0_aces-v1.3_ocio-v2.1"])
def test_tags_mean_the_same_in_older_configurations(version: str) -> None:
    """Configurations before the interop IDs would take a PNG for linear ACES by their default rule."""
    config = ColorConfig.load(version)
    found = config.resolve("a.png", "srgb_rec709_scene", None)
    assert found.space.startswith("sRGB ")
    assert not found.guessed
    assert config.resolve("a.exr", "lin_rec709_scene", None).space == "Linear Rec.709 (sRGB)"


# --- conversions


def test_same_space_is_untouched_to_the_bit(shipped: ColorConfig) -> None:
    pixels = np.float32([[[-0.0, 1e-30, 50.0], [65504.0, -3.0, 0.1]]])
    result = shipped.convert(pixels, "acescg", "scene_linear")
    assert result.tobytes() == pixels.tobytes()
    assert result is not pixels


@pytest.mark.parametrize("space", ["acescg", "srgb", "logc3", "applelog", "clog3", "rec1886"])
def test_strips_equal_the_whole_to_the_bit(space: str) -> None:
    pixels = np.random.default_rng(1).uniform(-0.01, 1.0, (301, 1021, 3)).astype(np.float32)
    whole = np.empty_like(pixels)
    processor = ocio.Config.CreateFromFile(str(SHIPPED_CONFIG)).getProcessor(space, "lin_rec709")
    processor.getDefaultCPUProcessor().apply(
        ocio.PackedImageDesc(pixels, 1021, 301, 3), ocio.PackedImageDesc(whole, 1021, 301, 3)
    )
    for threads in (1, 3):
        config = ColorConfig.load("howard", threads=threads)
        assert config.convert(pixels, space, "lin_rec709").tobytes() == whole.tobytes()


def test_many_threads_may_share_one_configuration(picture: NDArray[np.float32]) -> None:
    config = ColorConfig.load("howard", threads=2)
    spaces = ["logc3", "srgb", "vlog", "aces"] * 4
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda space: config.to_linear_rec709(picture, space), spaces))
    for space, result in zip(spaces, results):
        assert result.tobytes() == config.to_linear_rec709(picture, space).tobytes()


def test_takes_views_and_leaves_the_input_alone(shipped: ColorConfig, picture: NDArray[np.float32]) -> None:
    before = picture.copy()
    view = picture[::-1, ::2]
    assert not view.flags["C_CONTIGUOUS"]
    assert np.array_equal(
        shipped.to_linear_rec709(view, "logc3"), shipped.to_linear_rec709(view.copy(), "logc3")
    )
    assert np.array_equal(picture, before)
    assert shipped.to_linear_rec709(np.zeros((0, 5, 3), np.float32), "logc3").shape == (0, 5, 3)
    with pytest.raises(ValueError, match="H W 3"):
        shipped.convert(np.zeros((4, 4, 4), np.float32), "srgb", "acescg")


def test_a_wrong_space_never_gives_infinity(
    shipped: ColorConfig, picture: NDArray[np.float32], caplog: pytest.LogCaptureFixture
) -> None:
    """Light of 20 read as camera log would overflow, and the next matrix make NaN of it."""
    for space in ("logc3", "vlog", "slog3", "applelog", "acescct", "cineon"):
        caplog.clear()
        result = shipped.to_linear_rec709(picture * 4, space)
        assert np.isfinite(result).all()
        assert np.abs(result).max() <= BRIGHTEST
        assert shipped.space(space) in caplog.text
    caplog.clear()
    shipped.to_linear_rec709(picture, "acescg")
    assert not caplog.text


def test_missing_table_names_both_spaces(tmp_path: Path, picture: NDArray[np.float32]) -> None:
    config = ColorConfig.load(write(tmp_path / "bare.ocio", BARE))
    with pytest.raises(ColorError, match=r"bare\.ocio cannot convert 'table' to 'light'.*missing\.spi1d"):
        config.convert(picture, "table", "light")


# --- linear Rec.709 in any configuration


def test_by_the_interchange_role_where_no_space_is_linear_rec709(
    tmp_path: Path, shipped: ColorConfig, picture: NDArray[np.float32]
) -> None:
    config = ColorConfig.load(without_linear_rec709(tmp_path))
    assert not config.knows("lin_rec709_scene")
    for space in ("acescg", "logc3", "srgb"):
        coded = shipped.from_linear_rec709(picture, space)
        np.testing.assert_allclose(config.from_linear_rec709(picture, space), coded, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(config.to_linear_rec709(coded, space), picture, rtol=1e-3, atol=1e-4)


def test_without_interchange_role(tmp_path: Path, picture: NDArray[np.float32]) -> None:
    config = ColorConfig.load(write(tmp_path / "bare.ocio", BARE))
    with pytest.raises(ColorError, match=r"bare\.ocio has no linear Rec\.709 .*aces_interchange.*--ocio"):
        config.to_linear_rec709(picture, "light")
    with pytest.raises(ColorError, match="aces_interchange"):
        config.from_linear_rec709(picture, "curve")


@pytest.mark.parametrize(
    "name", ["ocio://default", "studio-config-latest", "studio-config-v1.0.0_aces-v1.3_ocio-v2.1"]
)
def test_built_in_configurations_agree_with_ours(
    name: str, shipped: ColorConfig, picture: NDArray[np.float32]
) -> None:
    config = ColorConfig.load(name)
    for space in ("ACEScg", "ACES2065-1", "ACEScct", "srgb", "lin_rec709"):
        coded = shipped.from_linear_rec709(picture, space)
        np.testing.assert_allclose(config.to_linear_rec709(coded, space), picture, rtol=1e-3, atol=1e-4)


# --- the file that ships


def test_profile_stays_at_what_blender_reads() -> None:
    config = ocio.Config.CreateFromFile(str(SHIPPED_CONFIG))
    assert (config.getMajorVersion(), config.getMinorVersion()) == (2, 2)
    config.validate()
    roles = set(config.getRoleNames())
    assert {"scene_linear", "default", "data", "color_picking", "texture_paint", "aces_interchange"} <= roles


def test_needs_no_other_files(tmp_path: Path) -> None:
    alone = ColorConfig.load(write(tmp_path / "alone.ocio", TEXT))
    codes = np.random.default_rng(4).uniform(0.0, 1.0, (8, 8, 3)).astype(np.float32)
    for space in alone.spaces():
        assert np.abs(alone.to_linear_rec709(codes, space.name)).max() < 1e6, space.name


def test_aliases_are_of_one_space_each() -> None:
    config = ocio.Config.CreateFromFile(str(SHIPPED_CONFIG))
    spellings: dict[str, str] = {}
    for space in config.getColorSpaces(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL):
        for spelling in {space.getName().lower(), *(alias.lower() for alias in space.getAliases())}:
            assert spellings.setdefault(spelling, space.getName()) == space.getName()
            assert config.getColorSpace(spelling).getName() == space.getName()


def test_ociocheck_passes() -> None:
    tool = shutil.which("ociocheck", path=Path(sys.executable).parent)
    assert tool is not None, "the opencolorio package installs ociocheck beside python"
    done = subprocess.run([tool, "--iconfig", SHIPPED_CONFIG], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "Validation: passed" in done.stdout


def test_the_packaged_configuration_is_the_one_in_ocio() -> None:
    """The package has a link to it in git; wheels and source archives carry the file it points to."""
    checkout = Path(__file__).resolve().parents[2] / "ocio" / "howard.ocio"
    assert SHIPPED_CONFIG.read_bytes() == checkout.read_bytes()
    assert not checkout.is_symlink()


@pytest.mark.parametrize("name", ["howard", "ocio://studio-config-latest", "ocio://cg-config-latest"])
def test_a_movies_tag_is_rec1886_in_every_configuration(name):
    config = ColorConfig.load(name)
    grey = np.full((1, 1, 3), 0.5, np.float32)
    linear = config.to_linear_rec709(grey, "g24_rec709_display")
    np.testing.assert_allclose(linear, 0.5**2.4, rtol=1e-4)


@pytest.mark.parametrize(
    ("chromaticities", "space"),
    [
        ((0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.3127, 0.329), "Linear ARRI Wide Gamut 3"),
        ((0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.329), "Linear ARRI Wide Gamut 4"),
        ((0.73, 0.28, 0.14, 0.855, 0.1, -0.05, 0.3127, 0.329), "Linear S-Gamut3"),
        ((0.766, 0.275, 0.225, 0.8, 0.089, -0.087, 0.3127, 0.329), "Linear S-Gamut3.Cine"),
        ((0.73, 0.28, 0.165, 0.84, 0.1, -0.03, 0.3127, 0.329), "Linear V-Gamut"),
        (
            (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, 0.3127, 0.329),
            "Linear REDWideGamutRGB",
        ),
        (
            (0.64, 0.33, 0.29, 0.6, 0.15, 0.06, 0.3127, 0.329),
            None,
        ),  # BT.470 B/G: no space of the configuration
        ((0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.314, 0.351), None),  # another white
        ((float("nan"),) * 8, None),
        ((0.0,) * 8, None),
    ],
)
def test_primaries_name_a_cameras_gamut(chromaticities, space):
    resolved = ColorConfig.load().resolve("x.exr", None, None, chromaticities=chromaticities)
    assert (None if resolved.guessed else resolved.space) == space


def test_a_float_file_without_a_tag_is_what_an_exr_would_be():
    config = ColorConfig.load()
    assert (
        config.resolve("x.tif", None, None, is_float=True).space == config.resolve("x.exr", None, None).space
    )
    assert config.resolve("x.tif", None, None).space == config.space("srgb_tx")
    assert config.resolve("x.tif", "srgb_tx", None, is_float=True).space == config.space("srgb_tx")


def test_what_it_belongs_to_decides_before_the_file_rules_but_after_its_tag():
    config = ColorConfig.load()
    resolved = config.resolve("c.png", None, None, like="g24_rec709_display")
    assert resolved.space == config.space("g24_rec709_display")
    assert not resolved.guessed
    assert "like the plate" in resolved.reason
    assert config.resolve("c.png", "srgb_tx", None, like="ACEScg").space == config.space("srgb_tx")
    assert config.resolve("c.png", None, "slog3", like="ACEScg").space == config.space("slog3")


@pytest.mark.parametrize(
    "line",
    ["  - !<ColorSpace> {name: B\xfcro}", "  - !<ColorSpace> {name: x, family: B\xfcro}"],
)
def test_names_that_are_not_utf8_are_told_at_once(tmp_path: Path, line: str) -> None:
    path = tmp_path / "config.ocio"
    path.write_bytes((BARE + line + "\n").encode("latin-1"))
    with pytest.raises(ColorError, match=r"config\.ocio has names that are not UTF-8.*Save it as UTF-8"):
        ColorConfig.load(path)


def test_a_description_in_any_letters_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "config.ocio"
    path.write_bytes((BARE + "  - !<ColorSpace> {name: x, description: B\xfcro}\n").encode("latin-1"))
    assert "x" in [space.name for space in ColorConfig.load(path).spaces()]
