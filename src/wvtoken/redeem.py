"""`Redeemer`: tokens, or the URLs they came in, to grants. Composition only: open, decode, look at the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from . import payload, sealing
from .batch import chunks, unix_seconds
from .errors import InvalidToken, TokenExpired, TokenRequestError
from .keyring import KeyRing
from .payload import Grant
from .token_text import check_tokens, token_texts


class Redeemer:
    """Opens tokens: the redemption server's half.

    Args:
        keyring: every key in it opens tokens.
        audience: what the issuer named as its audience.

    Raises:
        ValueError, TypeError: an argument is not that.

    Whether a token may be redeemed more than once is for the server to say; `Grant.token_id` is what it would remember.
    """

    __slots__ = ("_audience", "_keyring")

    def __init__(self, keyring: KeyRing, *, audience: str = "") -> None:
        if not isinstance(keyring, KeyRing):
            raise TypeError(f"keyring must be a KeyRing, not {type(keyring).__name__}")
        self._keyring = keyring
        self._audience = sealing.audience_bytes(audience)

    def redeem(self, token_or_url: str | bytes, *, now: float | None = None) -> Grant:
        """The grant in a token, or in the URL that carries one.

        Args:
            now: UNIX seconds; the wall clock when None.

        Raises:
            InvalidToken: it does not open. One error for every reason, from a typing mistake to another audience.
            TokenExpired: it is genuine, and its time is over.
            TypeError: neither str nor bytes.
        """
        result = self.redeem_many([token_or_url], now=now)[0]
        if isinstance(result, TokenRequestError):
            raise result
        return result

    def redeem_many(
        self, tokens: Iterable[str | bytes], *, now: float | None = None
    ) -> list[Grant | TokenRequestError]:
        """The grant, or the `InvalidToken` or `TokenExpired`, of each token or URL, in their order.

        Raises:
            TypeError: one of them is neither str nor bytes; nothing has been opened then.
        """
        tokens = list(tokens)
        check_tokens(tokens)
        return list(self.redeem_iter(tokens, now=unix_seconds(now)))

    def redeem_iter(
        self, tokens: Iterable[str | bytes], *, now: float | None = None
    ) -> Iterator[Grant | TokenRequestError]:
        """The same, for streams: a chunk of tokens at a time is taken and opened. The wall clock is read for each
        chunk.
        """
        fixed_now = None if now is None else unix_seconds(now)
        return chain.from_iterable(self._chunks(tokens, fixed_now))

    def _chunks(self, tokens: Iterable[str | bytes], now: int | None) -> Iterator[list[Grant | TokenRequestError]]:
        for chunk in chunks(tokens):
            check_tokens(chunk)
            yield self._redeem_chunk(chunk, unix_seconds(now))

    def _redeem_chunk(self, tokens: list[str | bytes], now: int) -> list[Grant | TokenRequestError]:
        results: list[Grant | TokenRequestError] = []
        opened = sealing.open_tokens(self._keyring, self._audience, token_texts(tokens))
        for grant in payload.decode_many(opened):
            if grant is None:
                results.append(InvalidToken())
            elif now >= grant.expires_at:
                results.append(TokenExpired(grant.token_id, grant.expires_at))
            else:
                results.append(grant)
        return results
