"""`ganc serve`: an exported page in this machine's browser."""

from pathlib import Path

import click

from ganc.base.engine_table import WEB
from ganc.base.errors import FileFormatError
from ganc.cli.command import command
from ganc.cli.paths import FOLDER
from ganc.cli.streams import require_output

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

PORT = 8000
PAGE = ("index.html", "page.json")  # by which a page is known from other folders with an index.html


@command()
@click.argument("folder", type=FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", help="Where to listen; 0.0.0.0 lets other machines in.")
def serve(folder: Path, port: int, host: str) -> None:
    """Serve an exported page to a browser on this machine.

    FOLDER is what ganc-export --format web wrote, or its folder web. The address is printed; Ctrl-C ends the server.
    Other machines do not reach it unless --host says so.

    \b
    ganc serve dist/
    ganc serve dist/ --port 0
    """
    from ganc.system.static_server import StaticServer

    require_output()
    with StaticServer(_page(folder), host, port) as server:
        click.echo(f"{server.address} (Ctrl-C ends it)")
        server.serve_forever()


def _page(folder: Path) -> Path:
    """Return the folder with the page. Raises FileFormatError where there is none."""
    for place in (folder / WEB, folder):
        if all((place / name).is_file() for name in PAGE):
            return place
    raise FileFormatError(f"{folder}: no page in it, expected a folder that ganc-export --format web wrote")
