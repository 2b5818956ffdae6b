"""JupyterLab in the learner's folder: started with settings for learning, or found where it runs already."""

from __future__ import annotations

import json
import os
import shlex
import sys
import webbrowser
from pathlib import Path

from helpers import learn_folder
from helpers.desk import copies
from helpers.workbook import warm_socket
from helpers.workbook.syllabus import Lesson

EXTENSIONS = Path(__file__).with_name("labextensions")
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {
        "autosaveInterval": 20
    },  # seconds of typing that a crash can cost
    "@jupyterlab/notebook-extension:tracker": {
        "codeCellConfig": {"lineNumbers": False, "lineWrap": True},
        "kernelShutdown": True,  # a closed lesson gives its gigabyte back
        "windowingMode": "none",  # all cells stay in the page, for its search and for screen readers
    },
}

UNUSED = ("nbdime-jupyterlab", "jupyterlab-jupytext")  # come with packages that only the batch side needs


def open_lab(lesson: Lesson | None, browser: bool) -> None:
    """Bring the copies up to date; then show the JupyterLab that runs in them, or become it (and not return)."""
    folder = learn_folder()
    server = running(folder)
    for sentence in copies.update(folder, open_notebooks(server) if server else ()):
        print(sentence)
    place = f"lab/tree/{copies.path_of(lesson).as_posix()}" if lesson else "lab"
    if server:
        address = f"{server['url']}{place}?token={server['token']}"
        print(f"JupyterLab is running already: {address}")
        if browser:
            webbrowser.open(address)
        return
    settle()
    warm_socket.prepare()  # TFX is imported while the lab opens
    options = [
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.jpserver_extensions={'helpers.desk.server': True}",
        f"--LabApp.extra_labextensions_path={EXTENSIONS}",
        f"--LabApp.default_url=/{place}",
        "--LabApp.extension_manager=readonly",
        "--Application.log_level=WARN",  # JupyterLab's address is said all the same
        *([] if browser else ["--no-browser"]),
        *shlex.split(os.environ.get("WORKBOOK_LAB", "")),
    ]
    sys.stdout.flush()
    os.execv(
        sys.executable, [sys.executable, "-m", "jupyterlab", *options]
    )  # Ctrl-C is JupyterLab's to answer


def settle(prefix: Path = Path(sys.prefix)) -> None:
    """Give the environment's JupyterLab its defaults for learning; what a learner sets in it goes before them."""
    folder = prefix / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    page = {"disabledExtensions": dict.fromkeys(UNUSED, True)}
    for name, content in {"overrides.json": SETTINGS, "page_config.json": page}.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def running(folder: Path) -> dict | None:
    """What Jupyter notes of a server that runs in the folder and answers; None where there is none."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server.get("root_dir", "")).resolve() == folder and _ask(server, "status") is not None:
            return server
    return None


def open_notebooks(server: dict) -> set[str]:
    """Paths, below the server's folder, of notebooks that have a kernel there."""
    return {session["path"] for session in _ask(server, "sessions") or []}


def _ask(server: dict, what: str):
    import httpx

    headers = {"Authorization": f"token {server['token']}"}
    try:
        answer = httpx.get(f"{server['url']}api/{what}", headers=headers, timeout=5, trust_env=False)
        return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
