"""An executed notebook as one HTML page that needs no network."""


def html(notebook: str, name: str) -> str:
    """The page of a notebook given as JSON text; `name` is its title."""
    import nbformat
    from nbconvert import HTMLExporter

    offline = dict.fromkeys(
        ("mathjax_url", "require_js_url", "jquery_url", "widget_renderer_url", "mermaid_js_url"), ""
    )
    exporter = HTMLExporter(**offline)
    return exporter.from_notebook_node(nbformat.reads(notebook, as_version=4), {"metadata": {"name": name}})[
        0
    ]
