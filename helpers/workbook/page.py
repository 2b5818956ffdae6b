"""An executed notebook as one HTML page that needs no network."""

import functools


def html(notebook: str, name: str) -> str:
    """The page of a notebook given as JSON text; `name` is its title."""
    import nbformat

    node = nbformat.reads(notebook, as_version=4)
    return _exporter().from_notebook_node(node, {"metadata": {"name": name}})[0]


@functools.cache  # which compiles the templates once
def _exporter():
    from nbconvert import HTMLExporter

    addresses = "mathjax_url", "require_js_url", "jquery_url", "widget_renderer_url", "mermaid_js_url"
    return HTMLExporter(**dict.fromkeys(addresses, ""))
