"""The README's pictures, taken in the real JupyterLab: `make pictures` writes .github/start.png and .github/lesson.png.

Each holds, as its PNG description, what it showed; tests/test_pictures.py compares that with what it would show now.
"""

import re
import tempfile
from html import unescape
from pathlib import Path

from browser.conftest import QUIET, Desk, Lab, chromium
from PIL import Image, PngImagePlugin
from playwright.sync_api import expect, sync_playwright

from helpers import ROOT, syllabus
from helpers.desk import copies, start_page
from helpers.exercises import find, ledger, source
from helpers.exercises.kit import RIGHT, WRONG, assess

FOLDER = ROOT / ".github"
SIZE = {"width": 1400, "height": 900}
DONE = {
    "1.1a": RIGHT,
    "1.1b": RIGHT,
    "1.1c": RIGHT,
    "1.1d": RIGHT,
    "1.2a": RIGHT,
    "1.2b": RIGHT,
    "1.2c": WRONG,
}
ANSWER = '''def expected_gain(chance, saved, spent):
    """Dollars that an alert earns on average on a flight that is late with probability `chance`."""
    return chance * saved - spent'''


def start_shows(folder: Path) -> str:
    """The text of the start page for the learner of the picture, whose ledger is written to the folder."""
    for name, status in DONE.items():
        ledger.append(folder / ledger.NAME, name, status, source.digest(name))
    page = re.sub("<details>.*?</details>", "", start_page.html(folder), flags=re.S)
    return " ".join(unescape(re.sub("<[^>]+>", " ", page)).split())


def lesson_shows() -> str:
    """The exercise's text, the answer in the picture, the check and its verdict."""
    cells = syllabus.load().lesson("1.1").notebook().cells
    starter = next(i for i, cell in enumerate(cells) if "starter" in cell.metadata.get("tags", []))
    names: dict = {}
    exec(ANSWER, names)
    verdict = assess(find("1.1a"), {"expected_gain": names["expected_gain"]})
    check = next(text for tags, text in source.of("1.1a") if not tags)
    return "\n\n".join([cells[starter - 1].source, ANSWER, check, f"{verdict.status}: {verdict.reason}"])


def take(desk: Desk, name: str, shows: str) -> None:
    """A picture of the page as it is, with the text it shows."""
    path = FOLDER / name
    desk.page.mouse.move(700, 2)  # over nothing that lights up
    desk.page.screenshot(path=path, animations="disabled")
    said = PngImagePlugin.PngInfo()
    said.add_itxt("Description", shows)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, pnginfo=said, optimize=True)
    print(f"Written: {path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB")


def main():
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET.split())
        lab = Lab(Path(folder))
        try:
            desk = Desk(browser.new_page(viewport=SIZE, color_scheme="light"), lab)
            desk.open_lesson(copies.path_of(syllabus.load().lesson("1.1")).as_posix())
            # the files, whose ages would differ from picture to picture
            desk.page.keyboard.press("Control+b")
            for text in ('lesson.begin("1.1")', "saved = "):
                desk.run(desk.cell(text))
            desk.write(desk.cell("def expected_gain"), ANSWER)
            desk.run(desk.cell("def expected_gain"))
            check = desk.cell('lesson.check("1.1a"')
            desk.run(check)
            expect(check.get_by_role("status")).to_contain_text("✓ Right")
            desk.save()
            desk.cell("def expected_gain").evaluate("cell => cell.previousElementSibling.scrollIntoView()")
            take(desk, "lesson.png", lesson_shows())

            shows = start_shows(lab.learn)
            desk.page.get_by_role("tab", name="Start").click()
            expect(desk.page.locator(".workbook-next")).to_contain_text("1.2", timeout=60_000)
            take(desk, "start.png", shows)
        finally:
            lab.stop()


if __name__ == "__main__":
    main()
