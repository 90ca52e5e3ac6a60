"""The browser of the tests: found, or put there by `python -m tests.browser`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REMEDY = (
    "The tests of the pages need Chromium. Install it (Debian and Ubuntu: apt-get install "
    "chromium; elsewhere: .venv/bin/playwright install chromium) and run the tests again."
)
# No sandbox: tests often run as root in a container, and only ever open pages of their own.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The path of a Chromium on this machine: the system's, or Playwright's own."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Error:
        return None
    return path if Path(path).exists() else None


def install_browser() -> None:
    """By the system's packages where we may, else as Playwright downloads it."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *step, "-y"], env=environment, check=False)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> None:
    """Make sure that there is a browser, or say what to do."""
    if find_browser() is None:
        install_browser()
    if find_browser() is None:
        sys.exit(REMEDY)


if __name__ == "__main__":
    main()
