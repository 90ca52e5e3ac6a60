"""Files that commands write: whole, or not at all."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from segments.exceptions import FileUnwritable


def write_file(path: Path, portions: Iterator[bytes]) -> int:
    """Write `portions` to `path`, replacing what is there once all are written; their bytes.

    Raises:
        FileUnwritable: the folder is missing, full, or not ours to write to.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            part = Path(file.name)
            try:
                size = sum(file.write(portion) for portion in portions)
                file.close()
                part.chmod(0o644)
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as trouble:
        raise FileUnwritable(f"{path} cannot be written: {trouble.strerror}.") from trouble
    return size
