"""Jupyter Server extension: the start page as it is now, at `workbook/start`, for whoever is logged in."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from helpers import syllabus
from helpers.desk import start_page


class StartHandler(JupyterHandler):
    """GET: the page's HTML. An unchanged page is answered by 304, so that asking often costs little."""

    @web.authenticated
    def get(self) -> None:
        syllabus.load.cache_clear()  # a lesson may have changed while the server runs
        page = start_page.html(Path(self.serverapp.root_dir))
        self.set_header("Etag", f'"{hashlib.sha256(page.encode()).hexdigest()[:16]}"')
        self.set_header("Content-Type", "text/html; charset=utf-8")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.finish(page)


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app) -> None:
    app.io_loop.add_callback(_say_port, app)  # which it looks for after the extensions
    route = url_path_join(app.web_app.settings["base_url"], "workbook", "start")
    app.web_app.add_handlers(".*$", [(route, StartHandler)])


def _say_port(app) -> None:
    """Where JupyterLab is, if not where it was to be; its own word on this is lost among a hundred others."""
    asked = app.config.ServerApp.get("port") or app.traits()["port"].default(app)
    if app.port != asked:
        app.log.warning("Port %s is taken: JupyterLab is at port %s. Its address follows.", asked, app.port)
