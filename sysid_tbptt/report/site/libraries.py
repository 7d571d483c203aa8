"""DataTables and Plotly for the page, taken from the Python packages that bundle them: nothing is fetched."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.util import find_spec

from ...errors import SysidError

NEEDED = ("itables", "plotly")


def missing() -> str | None:
    """What the page lacks, and the remedy; None if it can be built."""
    lacking = [name for name in NEEDED if not find_spec(name)]
    return f"the page needs {' and '.join(lacking)}: pip install 'sysid-tbptt[site]'" if lacking else None


def texts() -> dict[str, str]:
    """Scripts and style sheets by file name.

    Raises:
        SysidError: a package is missing, or its bundle has another form than the one known.
    """
    if reason := missing():
        raise SysidError(reason)
    from plotly.offline import get_plotlyjs

    bundle = files("itables") / "html"
    return {
        "datatables.js": classic_script(bundle.joinpath("dt_bundle.js").read_text(encoding="utf-8")),
        "datatables.css": bundle.joinpath("dt_bundle.css").read_text(encoding="utf-8"),
        "plotly.js": get_plotlyjs(),
    }


def classic_script(module: str) -> str:
    """A script whose global ``itables`` holds the module's exports: browsers load no modules from ``file://``.

    Raises:
        SysidError: the module has not exactly one ``export {...}``.
    """
    exports = list(re.finditer(r"\bexport\s*\{([^}]*)\}", module))
    if len(exports) != 1:
        raise SysidError(
            f"the DataTables bundle of itables has {len(exports)} export statements where 1 is known: install the "
            "version of itables that the extra names, pip install 'sysid-tbptt[site]'"
        )
    (export,) = exports
    pairs = [name.split(" as ") for name in export[1].split(",")]
    members = ",".join(f"{pair[-1].strip()}:{pair[0].strip()}" for pair in pairs)
    before, after = module[: export.start()], module[export.end() :]
    return f'(()=>{{"use strict";{before}globalThis.itables={{{members}}}{after}\n}})();\n'
