"""JupyterLab in the learner's folder: started with settings for learning, or found where it runs already."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
import time
import webbrowser
from pathlib import Path

from helpers import files, learn_folder
from helpers.desk import copies
from helpers.syllabus import Lesson, UsageError
from helpers.workbook import warm_socket

EXTENSIONS = Path(__file__).with_name("labextensions")
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # Seconds of typing that a crash can cost
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 20},
    "@jupyterlab/notebook-extension:tracker": {
        "codeCellConfig": {"lineNumbers": False, "lineWrap": True},
        "kernelShutdown": True,  # a closed lesson gives its gigabyte back
        "windowingMode": "none",  # all cells stay in the page, for its search and for screen readers
    },
}

NO_BROWSER = (
    "There is no browser here: open the address below in yours; from another machine, forward its port first, as in "
    "`ssh -L 8888:localhost:8888 HOST`."
)
ROOT = "You are root, and so is all that runs in JupyterLab: do this in a container only, elsewhere as an ordinary user."
UNUSED = ("nbdime-jupyterlab", "jupyterlab-jupytext")  # come with packages that only the batch side needs


def open_lab(lesson: Lesson | None, browser: bool) -> None:
    """Bring the copies up to date; then show the JupyterLab that runs in them, or become it (and not return)."""
    folder = learn_folder()
    server = running(folder) or (None if _claim(folder) else _started(folder))
    opened = open_notebooks(server) if server else set()
    if opened is None:
        print(
            "JupyterLab asks for a password, so your copies are brought up to date when it is started anew."
        )
    else:
        print(*(f"{sentence}\n" for sentence in copies.update(folder, opened)), sep="", end="")
    place = f"lab/tree/{copies.path_of(lesson).as_posix()}" if lesson else "lab"
    if server:
        address = f"{server['url']}{place}?token={server['token']}"
        print(f"JupyterLab is running already: {address}")
        if browser and has_browser():
            webbrowser.open(address)
        return
    if browser and not (browser := has_browser()):
        print(NO_BROWSER)
    if os.geteuid() == 0:
        print(ROOT)
    settle()
    warm_socket.prepare()  # TFX is imported while the lab opens
    sys.stdout.flush()
    command = [sys.executable, "-m", "jupyterlab", *_options(folder, place, browser)]
    os.execve(sys.executable, command, environment())  # Ctrl-C is JupyterLab's to answer


def _options(folder: Path, place: str, browser: bool) -> list[str]:
    # Not as a login shell, which would set the path anew
    shell = {"shell_command": [os.environ.get("SHELL") or "sh"]}
    return [
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.jpserver_extensions={'helpers.desk.server': True}",
        f"--ServerApp.terminado_settings={shell}",
        f"--LabApp.extra_labextensions_path={EXTENSIONS}",
        f"--LabApp.default_url=/{place}",
        "--LabApp.extension_manager=readonly",
        "--Application.log_level=WARN",  # JupyterLab's address is said all the same
        *(["--allow-root"] if os.geteuid() == 0 else []),
        *([] if browser else ["--no-browser"]),
        *shlex.split(os.environ.get("WORKBOOK_LAB", "")),
    ]


def environment() -> dict[str, str]:
    """This process's, in which terminals and notebooks find the workbook's own commands before all others."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)])}


def has_browser() -> bool:
    """Whether a browser can be shown: those in a terminal can't show JupyterLab, and others need a screen."""
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & os.environ.keys():
        return False
    try:
        return bool(webbrowser.get())
    except webbrowser.Error:
        return False


def settle(prefix: Path = Path(sys.prefix)) -> None:
    """Give the environment's JupyterLab its defaults for learning; what a learner sets in it goes before them."""
    folder = prefix / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    page = {"disabledExtensions": dict.fromkeys(UNUSED, True)}
    for name, content in {"overrides.json": SETTINGS, "page_config.json": page}.items():
        files.write(folder / name, json.dumps(content, indent=1) + "\n")


def running(folder: Path) -> dict | None:
    """What Jupyter notes of a server that runs in the folder and answers; None where there is none."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server.get("root_dir", "")).resolve() == folder and _ask(server, "api") is not None:
            return server
    return None


def _claim(folder: Path) -> bool:
    """Whether JupyterLab may be started in the folder: not while another one runs or starts there.

    The claim is a lock on a file that stays open when this process becomes JupyterLab, and so ends with it.
    """
    with copies.writable(folder):
        place = folder / copies.BASES
        place.mkdir(parents=True, exist_ok=True)
        file = os.open(place / "lab.lock", os.O_CREAT | os.O_WRONLY)
    os.set_inheritable(file, True)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    except OSError:
        pass  # a network's file system may know no locks: then a second start isn't noticed
    return True


def _started(folder: Path, seconds: float = 60) -> dict:
    """The server that somebody else is starting in the folder, once it answers. Raises UsageError if it doesn't in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server := running(folder):
            return server
        time.sleep(0.2)
    raise UsageError(
        f"Another JupyterLab runs in {folder} and does not answer: end it (Ctrl-C where it was started), then call again."
    )


def open_notebooks(server: dict) -> set[str] | None:
    """Paths, below the server's folder, of notebooks that have a kernel there; None where it tells them only by a password."""
    sessions = _ask(server, "api/sessions")
    return None if sessions is None else {session["path"] for session in sessions}


def _ask(server: dict, what: str):
    import httpx

    headers = {"Authorization": f"token {server['token']}"}
    try:
        answer = httpx.get(f"{server['url']}{what}", headers=headers, timeout=5, trust_env=False)
        return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
