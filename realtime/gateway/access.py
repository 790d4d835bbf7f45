"""Says who somebody is, by the JWT they bring, and keeps out what was revoked. No sockets, no HTTP, no clock.

A token that is brought is always checked; whether one has to be is the settings' choice (`is_open`).
Threads: the event loop's only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from realtime.config import Settings
from realtime.gateway.keys import FixedKey, Jwks, Keys, ProviderKeys
from realtime.gateway.revocations import Bar, Revocations
from realtime.gateway.tokens import Claims, is_for, read_claims, read_roles, token_id
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse
from realtime.protocol.roles import ADMIN, APP, OWN, foreign

LEEWAY_S: Final = 5.0
"""How far another machine's clock may be ahead of ours. It never prolongs a token's life."""
_REFRESHES_KEPT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. `info` is JSON that others see in presence; `expires_at` and `issued_at` are Unix seconds.

    `roles` say what it may do, `collections` are patterns that narrow that, none meaning no narrower. Nobody in
    particular has no `token`, which otherwise is the id that a revocation names.
    """

    user: str = ""
    info: bytes = b""
    expires_at: float | None = None
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    token: str = ""
    issued_at: float | None = None

    @property
    def is_app(self) -> bool:
        """Tell whether it is one of our own processes, which acts for whom it says."""
        return not OWN.isdisjoint(self.roles)

    @property
    def may_administer(self) -> bool:
        """Tell whether it may say who is let in."""
        return APP in self.roles or ADMIN in self.roles


class Access:
    """Checks tokens."""

    def __init__(
        self,
        *,
        secret: str | None,
        require_token: bool = False,
        keys: Keys | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        roles_claim: str = "roles",
        revocations: Revocations | None = None,
    ) -> None:
        """Check tokens with `keys`, or with the `secret` alone; with neither, everybody is nobody in particular."""
        self._keys = keys or (None if secret is None else Keys(secret=secret))
        self._require_token = require_token
        self._audience = audience
        self._issuer = issuer
        self._roles_claim = roles_claim
        self._revocations = revocations
        self._refreshes: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings, *, secret: str, revocations: Revocations, steady: Callable[[], float]) -> Access:
        """Make what the settings ask for. Raises StartError when the public key can't be used."""
        provider: ProviderKeys | None = None
        if settings.token_jwks_url is not None:
            provider = Jwks(settings.token_jwks_url, steady=steady)
        elif settings.token_public_key is not None:
            provider = FixedKey.read(settings.token_public_key)
        return cls(
            secret=secret,
            require_token=settings.is_guarded,
            keys=Keys(secret=secret, provider=provider),
            audience=settings.token_audience,
            issuer=settings.token_issuer,
            roles_claim=settings.token_roles_claim,
            revocations=revocations,
        )

    @property
    def is_open(self) -> bool:
        """Tell whether everybody may do everything: no token is required."""
        return not self._require_token

    async def prepare(self, token: str) -> None:
        """Get an identity provider's keys if `token` needs some that aren't there. Call it before `identify`."""
        if token and self._keys is not None:
            await self._keys.prepare(token)

    def identify(self, token: str, *, now: float) -> Identity:
        """Say who brings `token` at `now` (Unix seconds).

        Raises CommandError 109 for an expired token, which the client replaces by itself, and Disconnect 3500 for an
        invalid or revoked one, and for none at all where one is required; 3507 for a blocked user.
        """
        if self._keys is None or (not token and not self._require_token):
            return Identity()
        identity = self._read(token, now=now)
        if identity.expires_at is not None and identity.expires_at <= now:
            raise refuse(ErrorCode.TOKEN_EXPIRED)
        self.check(identity)
        return identity

    def renew(self, token: str, *, of: Identity, now: float) -> Identity:
        """Check the token that prolongs a connection; returns who it is from now on.

        It has to be a fresh one: the connection's own, or one that has prolonged any before, is refused as a replay.
        Raises Disconnect 3005 for an expired token, 3500 for an invalid, revoked or replayed one or somebody else's,
        3507 for a blocked user.
        """
        if self._keys is None:
            return of
        identity = self._read(token, now=now)
        if identity.user != of.user:
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        if identity.expires_at is not None and identity.expires_at <= now:
            raise hang_up(DisconnectCode.EXPIRED)
        self.check(identity)
        if identity.token == of.token or identity.token in self._refreshes:
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        self._refreshes[identity.token] = None
        if len(self._refreshes) > _REFRESHES_KEPT:
            self._refreshes.popitem(last=False)
        return identity

    def check(self, identity: Identity) -> None:
        """Keep out who was revoked or blocked since. Raises Disconnect 3500 or 3507."""
        bars = self._revocations
        if bars is None or not identity.token:
            return
        if bars.is_revoked(identity.token, user=identity.user, issued_at=identity.issued_at):
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        if bars.is_blocked(identity.user):
            raise hang_up(DisconnectCode.PERMISSION_DENIED)

    def _read(self, token: str, *, now: float) -> Identity:
        """Read a token whose signature, audience, issuer and beginning are right. Raises Disconnect 3500."""
        assert self._keys is not None
        try:
            payload, is_ours = self._keys.check(token)
            claims = read_claims(payload)
            roles = read_roles(payload, claim="roles" if is_ours else self._roles_claim)
        except ValueError as error:
            raise hang_up(DisconnectCode.INVALID_TOKEN) from error
        if not (_has_begun(claims, now) and is_for(claims, audience=self._audience, issuer=self._issuer)):
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        identity = Identity(
            user=claims.sub,
            info=b"" if bytes(claims.info) == b"null" else bytes(claims.info),
            expires_at=claims.exp,
            channels=tuple(claims.channels),
            roles=roles,
            collections=tuple(claims.collections),
            token=token_id(token, claims),
            issued_at=claims.iat,
        )
        return identity if is_ours else replace(identity, roles=foreign(roles))


def is_barred_by(identity: Identity, bar: Bar) -> bool:
    """Tell whether something that has just been barred is this connection's."""
    if bar.kind == "token":
        return identity.token == bar.name
    return bool(identity.token) and identity.user == bar.name


def _has_begun(claims: Claims, now: float) -> bool:
    return all(moment is None or moment <= now + LEEWAY_S for moment in (claims.nbf, claims.iat))
