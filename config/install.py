"""Installs requirements into the environment of this Python: `python -m config.install FILE …`.

By uv, which takes seconds where pip takes a minute. By hand is only what uv lacks: it does not read
where pip is told to find packages, so that is translated. Where uv fails, pip installs.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping

UV = "uv~=0.13.9"
PIP = (sys.executable, "-m", "pip")
QUIETLY = ("install", "--quiet", "--disable-pip-version-check")
# Options of pip, and the variable by which uv is told the same.
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "constraint": "UV_CONSTRAINT",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
# uv separates these by commas, pip by spaces or lines.
WITH_COMMAS = {"find-links"}
# The sections of pip's configuration, each overruling those before it.
SECTIONS = ("global", "install", ":env:")
# Of several indexes pip takes the best version that any of them has.
AS_PIP = {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def main(files: list[str]) -> None:
    """Install all that `files` name; ends as pip ends."""
    named = [part for file in files for part in ("-r", file)]
    if not _by_uv(named):
        sys.stderr.write("uv could not install; pip does, which takes a minute longer.\n")
        sys.exit(subprocess.run([*PIP, *QUIETLY, *named], check=False).returncode)


def _by_uv(named: list[str]) -> bool:
    if subprocess.run([*PIP, *QUIETLY, UV], check=False).returncode:
        return False
    listed = subprocess.run([*PIP, "config", "list"], check=False, capture_output=True, text=True)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    variables = {**uv_variables(listed.stdout.splitlines()), **os.environ}
    return not subprocess.run([*uv, *named], check=False, env=variables).returncode


def uv_variables(lines: Iterable[str]) -> Mapping[str, str]:
    """What uv is to be told, of the lines of `pip config list` such as `global.no-index='1'`.

    Options for `pip install` overrule those for all commands, variables of the environment both.
    """
    found: dict[str, tuple[int, str]] = {}
    for line in lines:
        place, _, value = line.partition("=")
        section, _, option = place.rpartition(".")
        if section not in SECTIONS:
            continue
        rank = SECTIONS.index(section)
        if rank >= found.get(option, (0, ""))[0]:
            found[option] = rank, str(ast.literal_eval(value))
    told = {
        VARIABLES[option]: ("," if option in WITH_COMMAS else " ").join(value.split())
        for option, (_, value) in found.items()
        if option in VARIABLES
    }
    return AS_PIP | told


if __name__ == "__main__":
    main(sys.argv[1:])
