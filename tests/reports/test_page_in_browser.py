"""The report of a study as a browser shows it, opened from the disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from studies import make_study

from karl.reports.figures import study_figures
from karl.reports.page import render_page
from karl.reports.tables import study_tables

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.skipif(DRIVER is None, reason="there is no chromedriver"),
]

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARMS = ("random", "margin", "qbc", "dynamic-diversity-kappa=0.5")
HOSTILE = "<script>document.title = 'changed'</script> " + "long-title-without-any-blank" * 8
PHONE, DESK = 375, 1280
LEAST_TEXT = 7.5  # CSS pixels

SIZES_OF_TEXT = """
return [...document.querySelectorAll('svg text')].map(text => {
  const svg = text.ownerSVGElement;
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return parseFloat(getComputedStyle(text).fontSize) * scale;
});
"""
CUT_OFF = """
return [...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBoundingClientRect(), page = document.documentElement.clientWidth;
  const svg = text.ownerSVGElement.getBoundingClientRect();
  return box.left < svg.left - 1 || box.right > svg.right + 1 || box.right > page;
}).map(text => text.textContent);
"""
COLOURS = """
const body = getComputedStyle(document.body), text = document.querySelector('svg text');
return {paper: body.backgroundColor, ink: body.color, figure: getComputedStyle(text).fill};
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = make_study(arms=ARMS, folds=(0, 1), seeds=(0, 1), rounds=3)
    study = replace(study, mistakes=study.mistakes.with_columns(title_1=pl.lit(HOSTILE)))
    path = tmp_path_factory.mktemp("page") / "report.html"
    tables = study_tables(study)
    path.write_text(render_page(study, tables, study_figures(study, tables)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def show(driver: Any, page: Path, width: int, *, scheme: str = "light") -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.get(page.as_uri())


def brightness(colour: str) -> float:
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_figures_and_tables_are_seen(driver, page: Path) -> None:
    show(driver, page, DESK)
    sizes = driver.execute_script(
        "return [...document.querySelectorAll('figure > svg')]"
        ".map(svg => [svg.getBoundingClientRect().width, svg.getBoundingClientRect().height])"
    )
    assert len(sizes) == 12
    assert all(width > 300 and height > 100 for width, height in sizes)
    rows = driver.execute_script(
        "return [...document.querySelectorAll('table')].map(table => table.tBodies[0].rows.length)"
    )
    assert len(rows) >= 10
    assert min(rows) >= 1


def test_nothing_but_the_file_is_asked_for(driver, page: Path) -> None:
    show(driver, page, DESK)
    assert driver.execute_script("return performance.getEntriesByType('resource')") == []
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert driver.title == "study of sampling"
    assert driver.execute_script("return document.querySelectorAll('script').length") == 0


@pytest.mark.parametrize("width", [320, PHONE, 768, DESK])
def test_the_page_does_not_scroll_sideways(driver, page: Path, width: int) -> None:
    show(driver, page, width)
    driver.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script("return document.body.scrollWidth") <= width


def test_figures_are_legible_on_a_phone(driver, page: Path) -> None:
    show(driver, page, PHONE)
    assert min(driver.execute_script(SIZES_OF_TEXT)) >= LEAST_TEXT
    assert driver.execute_script(CUT_OFF) == []


def test_a_dark_page_is_dark_and_so_are_its_figures(driver, page: Path) -> None:
    show(driver, page, DESK)
    light = driver.execute_script(COLOURS)
    show(driver, page, DESK, scheme="dark")
    dark = driver.execute_script(COLOURS)
    assert brightness(light["paper"]) > 0.9 and brightness(light["ink"]) < 0.2
    assert brightness(dark["paper"]) < 0.2 and brightness(dark["ink"]) > 0.8
    assert dark["figure"] != light["figure"]
    assert brightness(dark["figure"]) > 0.5


def test_figures_have_a_role_and_words(driver, page: Path) -> None:
    show(driver, page, DESK)
    labels = driver.execute_script(
        "return [...document.querySelectorAll('svg[role=img]')]"
        ".map(svg => svg.getAttribute('aria-label'))"
    )
    assert len(labels) == 12
    assert all(re.search(r"\d", label) and len(label) > 40 for label in labels)
