"""Memory and offsets for calls of C. csrc/wvtoken.h is the contract.

Memory is reused: a call takes it from a list and puts it back. So calls in several threads, and calls inside calls,
never share memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Protocol, TypeVar

from ._native import ffi

new_buffer: Any = ffi.new_allocator(should_clear_after_alloc=False)
ONE_TEXT_MAX = 4096
"""The longest request or token, in bytes, that the memory of single calls has room for."""
_KEPT_MAX = 2**23
"""Memory is reused only up to this size, in bytes."""


class Memory(Protocol):
    """The memory of a call for `count` items. `size`: bytes of the URLs when issuing, of the texts when redeeming."""

    count: int
    size: int


_Memory = TypeVar("_Memory", bound=Memory)


def take(memories: list[_Memory], count: int, size: int) -> _Memory | None:
    """Remove memory from the list and return it. Return None if the list is empty or the memory is too small."""
    try:
        memory = memories.pop()
    except IndexError:
        return None
    return memory if memory.count >= count and memory.size >= size else None


def give_back(memories: list[_Memory], memory: _Memory) -> None:
    """Put memory back into the list. Very large memory is not kept."""
    if memory.size <= _KEPT_MAX:
        memories.append(memory)


def check(returned: int) -> int:
    """Return the result of a C function. Raise ValueError for -1: a length is out of bounds."""
    if returned < 0:
        raise ValueError("a length is outside the limits of the engine")
    return returned


def joined(texts: Sequence[str | bytes]) -> tuple[bytes, Any]:
    """Return the joined texts and their offsets.

    A str that is not ASCII is replaced by an empty text. C hands back an empty text.
    """
    try:
        data = "".join(texts).encode("ascii")  # type: ignore[arg-type]  # bytes raise TypeError
    except (TypeError, UnicodeEncodeError):
        encoded = [
            text if isinstance(text, bytes) else text.encode("ascii") if text.isascii() else b"" for text in texts
        ]
        data, texts = b"".join(encoded), encoded
    return data, _checked(array("I", accumulate(map(len, texts), initial=0)), data)


def joined_payloads(payloads: Sequence[bytes]) -> tuple[bytes, Any]:
    """Return the joined payloads and their offsets. The offsets of payloads of equal length are cached."""
    data, lengths = b"".join(payloads), list(map(len, payloads))
    alike = lengths.count(lengths[0]) == len(lengths)
    return data, _checked(
        _offsets_of_equal(lengths[0], len(lengths)) if alike else array("I", accumulate(lengths, initial=0)), data
    )


@lru_cache(maxsize=64)
def _offsets_of_equal(length: int, count: int) -> array[int]:
    """Return the offsets of items of equal length. The caller must not change them."""
    return array("I", [length * place for place in range(count + 1)])


def _checked(offsets: array[int], data: bytes) -> Any:
    """Return the offsets for C. A subclass of str or bytes may lie about its length."""
    if offsets[-1] != len(data):
        raise ValueError("the lengths of the items are not those of their contents")
    return ffi.from_buffer("uint32_t[]", offsets)
