"""What a failed browser test leaves to look at."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Error

from browser import cells
from helpers import build


def leave(test, browser: Browser, lab) -> Path:
    """Picture and cells of each open page, and JupyterLab's log if there is one; returns the folder that holds them."""
    folder = build() / "browser" / test.path.stem / re.sub(r"\W+", "_", test.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = [page for context in browser.contexts for page in context.pages]
    for number, page in enumerate(pages, 1):
        try:
            (folder / f"cells_{number}.txt").write_text(f"{cells.read(page)}\n")
            page.screenshot(path=folder / f"page_{number}.png")
        except Error as error:  # a page that hangs shows nothing
            (folder / f"page_{number}.txt").write_text(f"{error}\n")
    if lab:
        shutil.copy(lab.log.name, folder)
    return folder
