"""A picture of the first screen of a report, as in the README.

    karl report strategies && python scripts/screenshot.py runs/strategies/report/index.html

It needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def main() -> None:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/report.png"))
    parser.add_argument("--width", type=int, default=1160)
    parser.add_argument("--height", type=int, default=1250)
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        parser.error("there is no Chromium on the path")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(browser, *QUIET, f"--user-data-dir={profile}"),
            f"--window-size={arguments.width},{arguments.height}",
            f"--screenshot={arguments.out.resolve()}",
            arguments.page.resolve().as_uri(),
        ]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    print(arguments.out)


if __name__ == "__main__":
    main()
