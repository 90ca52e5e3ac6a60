"""Addresses of Redis: which database they mean, and its neighbour on the same server."""

from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

# A Redis server has 16 databases unless it is told otherwise, numbered from 0.
LAST_DATABASE = 15
# A server that does not answer in time is reported, not waited for. An answer may take longer
# than the one second for which workers ask for the next message in one call.
CONNECT_SECONDS = 3
ANSWER_SECONDS = 10


def database_of(url: str) -> tuple[str, int]:
    """The server that `url` names and the number of the database on it.

    Raises:
        ValueError: the number is not a number.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path, int(parse_qs(parts.query).get("db", ["0"])[0])
    host = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    return host, int(parts.path.strip("/") or 0)


def neighbour(url: str) -> str:
    """The next database on the same server, or the one before the last."""
    _, number = database_of(url)
    other = number + 1 if number < LAST_DATABASE else number - 1
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _with_query(parts, {"db": other})
    return urlunsplit(parts._replace(path=f"/{other}"))


def with_timeouts(url: str) -> str:
    """`url` with a limit on how long connecting and answering may take, unless it has one."""
    parts = urlsplit(url)
    limits = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}
    given = parse_qs(parts.query)
    return _with_query(parts, {name: n for name, n in limits.items() if name not in given})


def _with_query(parts: SplitResult, changes: dict[str, int]) -> str:
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query = urlencode(given | changes)
    if parts.scheme == "unix":  # urlunsplit would leave the two slashes out
        return f"unix://{parts.netloc}{parts.path}?{query}"
    return urlunsplit(parts._replace(query=query))
