"""`Redeemer`: tokens, or the URLs that contain them, to grants. Composition only: open, decode, check the expiry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import payload, sealing
from .batch import checked, chunks, source, unix_seconds
from .engine import current
from .errors import TokenExpired, TokenRequestError
from .keyring import KeyRing, checked_keyring
from .payload import Grant
from .token_text import token_texts

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

    __slots__ = ("_audience", "_keyring")

    def __init__(self, keyring: KeyRing, *, audience: str = "") -> None:
        self._keyring = checked_keyring(keyring)
        self._audience = sealing.audience_bytes(audience)
        current()

    def redeem(self, token_or_url: str | bytes, *, now: float | None = None) -> Grant:
        """Return the grant in a token, or in the URL that contains it.

        Args:
            now: UNIX seconds; None is the wall clock.

        Raises:
            InvalidToken: the token does not open. Its message is the same for every reason.
            TokenExpired: the token is genuine and has expired.
            TypeError: neither str nor bytes.
        """
        result = self.redeem_many([token_or_url], now=now)[0]
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
        return list(self.redeem_iter(items, now=unix_seconds(now)))

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

    def _redeem_chunk(self, tokens: list[str | bytes], now: int) -> list[Grant | TokenRequestError]:
        results: list[Grant | TokenRequestError] = []
        texts = token_texts(tokens)
        opened = sealing.open_tokens(self._keyring, self._audience, texts)
        for place, grant in enumerate(payload.decode_many(opened)):
            if isinstance(grant, str):
                results.append(sealing.invalid_token(texts[place], grant))
            elif now >= grant.expires_at:
                results.append(TokenExpired(grant.token_id, grant.expires_at))
            else:
                results.append(grant)
        return results
