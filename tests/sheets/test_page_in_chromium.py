"""The page in a real browser: what is seen without a click, keys, light and dark, any width, on paper."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from chromium import Chromium, find_chromium

pytestmark = pytest.mark.skipif(
    find_chromium() is None, reason="needs a Chromium: sudo apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    made = Chromium(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture
def shown(browser, page) -> Chromium:
    browser.open(page)
    return browser


def text(browser, name):
    return browser.value(f"document.getElementById({name!r}).innerText")


def frame(browser):
    return int(text(browser, "viewer-title").split()[-1])


def pressed(browser):
    return browser.value("document.querySelector('#shown [aria-pressed=true]').innerText")


def test_what_is_seen_without_a_click(shown):
    assert text(shown, "headline") == "7 of 12 frames worth a look, 5 good"
    counts = text(shown, "counts").split()
    assert " ".join(counts) == "5 good 3 doubtful 1 made differently 1 failed fit 1 corrupt 1 missing"
    said = text(shown, "kinds")
    for words in (
        "Missing: 1 frame",
        "Clean plate fit doubtful",
        "parts are still 3.0 px apart",
        "shot from the same place",
        "Alpha jumps",
        "--resume",
    ):
        assert words in said
    cards = shown.value("[...document.querySelectorAll('#cards button')].map(one => +one.dataset.frame)")
    assert cards[:4] == [1003, 1005, 1006, 1012]
    assert len(cards) == 7
    # The worst that can be seen.
    assert frame(shown) == 1006
    shown.press("p")
    shown.press("p")
    assert "frame 1003 is missing" in text(shown, "nothing")


def test_nothing_is_asked_for_and_nothing_goes_wrong(shown):
    for key in ("n", "2", "w", "f", "f", "?", "Escape", "ArrowLeft"):
        shown.press(key)
    shown.wait("document.getElementById('under').complete")
    assert [url.split("#")[0] for url in shown.requests()] == [shown.value("location.href.split('#')[0]")]
    assert shown.complaints() == []


def test_keys(shown):
    shown.value("location.hash = '#1003'")
    shown.wait("document.getElementById('viewer-title').innerText === 'Frame 1003'")
    shown.press("ArrowRight")
    assert frame(shown) == 1004
    shown.press("ArrowLeft")
    shown.press("ArrowLeft")
    assert frame(shown) == 1002
    shown.press("n")
    shown.press("n")
    assert frame(shown) == 1005
    shown.press("p")
    assert frame(shown) == 1003
    shown.press("End")
    assert frame(shown) == 1012
    shown.press("Home")
    assert frame(shown) == 1001
    for key, name in (("1", "Plate"), ("2", "Alpha"), ("3", "Comp"), ("4", "Error")):
        shown.press(key)
        assert pressed(shown) == name
        shown.wait("document.getElementById('under').naturalWidth === 96")
    shown.press("f")
    assert shown.value("document.getElementById('filter').value") == "missing"
    assert frame(shown) == 1003
    shown.press("?")
    assert shown.value("document.getElementById('help').open") is True
    shown.press("n")  # not while the list of keys is open
    assert frame(shown) == 1003


def test_a_wipe_between_two_pictures(shown):
    shown.press("Home")
    shown.press("2")
    shown.press("w")
    assert shown.value("document.getElementById('over').hidden") is False
    assert shown.value("document.getElementById('over').style.clipPath").startswith("inset(0px 0px 0px 50%")
    shown.value("document.getElementById('stage').scrollIntoView({block: 'center'})")
    box = shown.value(
        "(() => { const b = document.getElementById('stage').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    x, y = box[0] + 0.25 * box[2], box[1] + box[3] / 2
    for kind in ("mousePressed", "mouseReleased"):
        shown.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert 24 <= float(shown.value("document.getElementById('at').value")) <= 26
    assert "left of the line" in text(shown, "caption")
    shown.press("w")
    assert shown.value("document.getElementById('over').hidden") is True


def test_the_flip_book_turns_and_stops(shown):
    shown.click("#filter")
    shown.value(
        "document.getElementById('filter').value = 'all';"
        "document.getElementById('filter').dispatchEvent(new Event('change'));"
        "document.activeElement.blur(); document.getElementById('fps').value = '24'"
    )
    shown.value(
        "window.turned = new Set(); window.watch = new MutationObserver(() => window.turned.add("
        "document.getElementById('viewer-title').innerText));"
        "window.watch.observe(document.getElementById('viewer-title'), {childList: true})"
    )
    shown.press(" ")
    assert text(shown, "play") == "Stop"
    shown.wait("window.turned.size >= 5")
    shown.press(" ")
    assert text(shown, "play") == "Play"
    before = frame(shown)
    shown.value("window.turned.clear()")
    assert frame(shown) == before


def test_a_click_on_the_strip_or_a_card_shows_the_frame(shown):
    shown.click("#cards [data-frame='1009']")
    assert frame(shown) == 1009
    assert "Alpha jumps" in text(shown, "said")
    shown.value("document.getElementById('strip').scrollIntoView()")
    box = shown.value(
        "(() => { const b = document.getElementById('strip').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    x, y = box[0] + box[2] * 6.5 / 12, box[1] + box[3] / 2
    shown.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    assert frame(shown) == 1007


def test_a_link_to_a_frame(browser, page):
    browser.open(page)
    browser.call("Page.navigate", url=f"{page.as_uri()}#1011")
    browser.wait("document.getElementById('viewer-title').innerText === 'Frame 1011'")


@pytest.mark.parametrize("width", [320, 768, 1440, 3840])
def test_nothing_sticks_out(shown, width):
    shown.resize(width, 900)
    assert shown.value("document.documentElement.scrollWidth") <= width
    out = shown.value(
        "[...document.querySelectorAll('body *')].filter(one => one.offsetParent && "
        f"one.getBoundingClientRect().right > {width} + 1).map(one => one.id || one.tagName)"
    )
    assert out == []


def luminance(color):
    levels = np.array([int(part) for part in color.removeprefix("rgb(").rstrip(")").split(",")[:3]]) / 255
    linear = np.where(levels <= 0.03928, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_light_and_dark(browser, page, scheme, tmp_path):
    """Contrast of at least 4.5, as WCAG 2.2 has it."""
    browser.open(page, scheme=scheme)
    picture = cv2.imread(str(browser.picture(tmp_path / "page.png")))
    assert (np.median(picture) > 200) == (scheme == "light")
    pairs = browser.value(
        "[...document.querySelectorAll('h1, h2, p, .tag, .text, button:enabled, #legend, select')]"
        ".filter(one => one.offsetParent && one.id !== 'nothing').map(one => { let under = one;"
        " while (getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)') under = under.parentElement;"
        " return [getComputedStyle(one).color, getComputedStyle(under).backgroundColor, one.innerText]; })"
    )
    assert len(pairs) > 30
    for ink, paper, words in pairs:
        lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (words, ink, paper)


def test_everything_has_a_name(shown):
    nameless = shown.value(
        "[...document.querySelectorAll('button, select, input, [role=slider]')]"
        ".filter(one => one.offsetParent && "
        "!(one.innerText || one.getAttribute('aria-label') || (one.labels && one.labels.length)))"
        ".map(one => one.outerHTML)"
    )
    assert nameless == []
    assert (
        shown.value("document.getElementById('strip').getAttribute('aria-valuetext')")
        == "frame 1006, failed fit"
    )


def test_it_prints(shown):
    shown.press("End")
    document = shown.pdf()
    assert document.startswith(b"%PDF")
    assert len(document) > 5_000
    shown.call("Emulation.setEmulatedMedia", media="print")
    hidden = shown.value(
        "['play', 'wiping', 'filter'].map(id => getComputedStyle(document.getElementById(id)).display)"
    )
    assert hidden == ["none"] * 3
    assert "Clean plate fit doubtful" in text(shown, "kinds")
    shown.call("Emulation.setEmulatedMedia", media="")


def test_two_versions(browser, page_of_two):
    browser.open(page_of_two)
    said = text(browser, "versions-text")
    assert "Before: 10 good, 1 doubtful, 1 failed fit." in said
    assert "Better: 1001-1002." in said
    browser.press("Home")
    browser.press("ArrowRight")
    browser.press("5")
    assert pressed(browser) == "Comp before"
    browser.press("3")
    assert browser.value("document.getElementById('against').value") == "before_comp"
    browser.press("w")
    assert browser.value("document.getElementById('over').alt") == "Comp before of frame 1002"
    assert browser.complaints() == []


def test_names_stay_texts(browser, page, tmp_path):
    """The policy would refuse it, and the log say so; but it is not even an element."""
    from nights import verify, write_result

    evil = "<img src=x onerror=document.title=1>"
    write_result(
        tmp_path / f"{evil}.1001.exr", 0, fit=f"failed: </script><script>document.title=1</script>{evil}"
    )
    write_result(tmp_path / f"{evil}.1002.exr", 0)
    made = tmp_path / "page.html"
    verify(tmp_path / f"{evil}.####.exr", "--page", made)
    browser.open(made)
    assert browser.value("document.title") == f"{evil}.####.exr - Howard"
    assert evil in text(browser, "kinds")
    assert browser.value("document.querySelectorAll('img[onerror], script').length") == 2
    assert browser.complaints() == []
