"""`Redeemer`: tokens, or the URLs that contain them, to grants. It connects the steps: open, decode, check the expiry.

The fast path in C handles valid tokens in their usual form. All others are handed back to the reference in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import contents, payload, sealing
from .batch import CHUNK, checked, chunks, source, unix_seconds
from .errors import TokenExpired, TokenRequestError
from .keyring import KeyRing, checked_keyring
from .payload import Grant
from .token_text import token_text

_KINDS = (str, bytes)


class Redeemer:
    """Opens tokens.

    Args:
        keyring: every key in it opens tokens.
        audience: must equal the issuer's audience.

    Raises:
        ValueError: the audience is invalid.
        TypeError: an argument has a wrong type.
        EngineUnavailable: no engine works on this machine.

    A token can be redeemed repeatedly. To enforce one-time use, store `Grant.token_id`.
    """

    __slots__ = ("_audience", "_fast", "_keyring")

    def __init__(self, keyring: KeyRing, *, audience: str = "") -> None:
        self._keyring = checked_keyring(keyring)
        self._audience = sealing.audience_bytes(audience)
        self._fast = sealing.fast_redeemer(self._keyring, self._audience)

    def redeem(self, token_or_url: str | bytes, *, now: float | None = None) -> Grant:
        """Return the grant in a token, or in the URL that contains it.

        Args:
            now: UNIX seconds; None is the wall clock.

        Raises:
            InvalidToken: the token does not open. Its message is the same for every reason.
            TokenExpired: the token is genuine and has expired.
            TypeError: neither str nor bytes.
        """
        moment = unix_seconds(now)
        token = token_or_url
        if type(token) not in _KINDS:
            (token,) = checked("tokens", [token], _KINDS)
        grant = self._redeem_fast(token)
        if grant is not None and moment < grant.expires_at:
            return grant
        result = _unless_expired(grant or self._redeem_by_reference([token])[0], moment)
        if isinstance(result, TokenRequestError):
            try:
                raise result
            finally:
                del result  # the traceback refers to this frame: no reference cycle
        return result

    def redeem_many(
        self, tokens: Iterable[str | bytes], *, now: float | None = None
    ) -> list[Grant | TokenRequestError]:
        """Return the grant, the `InvalidToken` or the `TokenExpired` of each token or URL, in the same order.

        Raises:
            TypeError: an item is neither str nor bytes. No token has been opened then.
        """
        items = checked("tokens", list(source("tokens", tokens)), _KINDS)
        moment = unix_seconds(now)
        results: list[Grant | TokenRequestError] = []
        for start in range(0, len(items), CHUNK):
            results += self._redeem_chunk(items[start : start + CHUNK], moment)
        return results

    def redeem_iter(
        self, tokens: Iterable[str | bytes], *, now: float | None = None
    ) -> Iterator[Grant | TokenRequestError]:
        """Lazy version of `redeem_many`: reads and opens tokens in chunks.

        Without `now`, the clock is read for each chunk.
        """
        fixed_now = None if now is None else unix_seconds(now)
        return self._redeemed(source("tokens", tokens), fixed_now)

    def _redeemed(self, tokens: Iterator[str | bytes], now: int | None) -> Iterator[Grant | TokenRequestError]:
        # A generator, not chain.from_iterable: CPython frees chain's generator while it runs if an item is requested
        # during its own computation.
        for chunk in chunks("tokens", tokens, _KINDS):
            yield from self._redeem_chunk(chunk, unix_seconds(now))

    def _redeem_fast(self, token: str | bytes) -> Grant | None:
        """Return the grant of one token by the fast path, or None if the token is handed back."""
        if self._fast is None:
            return None
        opened = self._fast.open(token if isinstance(token, bytes) else token.encode() if token.isascii() else b"")
        return None if opened is None else contents.read_one(opened)

    def _redeem_chunk(self, tokens: list[str | bytes], now: int) -> list[Grant | TokenRequestError]:
        grants: list[Grant] = []
        status = bytes([1]) * len(tokens)  # not 0: no token is opened yet
        if self._fast is not None:
            opened, status = self._fast.open_many(tokens)
            grants = contents.read_many(opened) if opened.records else []
        if len(grants) < len(tokens):
            others = [token for token, state in zip(tokens, status, strict=True) if state]
            usual, rest = iter(grants), iter(self._redeem_by_reference(others))
            found = [next(rest) if state else next(usual) for state in status]
            return [_unless_expired(result, now) for result in found]
        return [grant if now < grant.expires_at else _unless_expired(grant, now) for grant in grants]

    def _redeem_by_reference(self, tokens: list[str | bytes]) -> list[Grant | TokenRequestError]:
        texts = [token_text(token) for token in tokens]
        grants = payload.decode_many(sealing.open_tokens(self._keyring, self._audience, texts))
        return [
            sealing.invalid_token(text, grant) if isinstance(grant, str) else grant
            for text, grant in zip(texts, grants, strict=True)
        ]


def _unless_expired(result: Grant | TokenRequestError, now: int) -> Grant | TokenRequestError:
    if isinstance(result, Grant) and now >= result.expires_at:
        return TokenExpired(result.token_id, result.expires_at)
    return result
