"""Who is calling: a verified user name, a device id, and a digest of the caller's address.

Credentials count only when the identity driver knows them; unknown ones are anonymous, so that nobody acts under
another's name. A ``session`` cookie is of no consequence until a driver can verify it. The address is the peer's, or
what a trusted proxy (``server.trusted_proxies``) says about it; a header from anybody else is the caller's invention.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote

from aiohttp import web
from attrs import frozen

from robotoff_core.model.answers import Voter

from .errors import ApiError
from .params import Parameters

__all__ = ["Caller", "Networks", "Unusable", "caller_of", "client_address", "credentials", "networks"]

Networks = tuple[IPv4Network | IPv6Network, ...]
MAX_DEVICE_ID = 128
"""Longer device ids are replaced by their digest: they are compared, never shown."""


class Unusable(ValueError):
    """An ``Authorization`` header that is not Basic credentials."""

    @staticmethod
    def error() -> ApiError:
        """The 401 of it, for writes."""
        return ApiError(401, "Invalid authentication, Basic auth expected.")


@frozen
class Caller:
    """One caller. ``device`` is the id it sent, or else a digest of its address (``own_device`` false)."""

    username: str | None
    device: str
    own_device: bool
    address: str

    @property
    def anonymous(self) -> bool:
        """Whether nobody vouches for a user name."""
        return self.username is None

    def voter(self) -> Voter:
        """The caller as the engine counts votes."""
        return Voter(self.username, self.device, self.address)


def networks(addresses: Sequence[str]) -> Networks:
    """The configured proxies as networks. Raises :class:`ValueError` naming the entry that is none."""
    found = []
    for entry in addresses:
        try:
            found.append(ip_network(entry, strict=False))
        except ValueError:
            raise ValueError(
                f"server.trusted_proxies: {entry!r} is neither an address nor a network such as 10.0.0.0/8"
            ) from None
    return tuple(found)


def credentials(header: str | None) -> tuple[str, str] | None:
    """(user, password) of an ``Authorization`` header; ``None`` without one, and for empty or ``null`` users, which
    mobile clients send when logged out. Raises :class:`Unusable` for any other scheme or form.

    A bare base64 token without a scheme is read too, and both parts are percent-decoded: clients do both.
    """
    if header is None or not header.strip():
        return None
    scheme, _, token = header.strip().rpartition(" ")
    if scheme and scheme.strip().lower() != "basic":
        raise Unusable(scheme)
    try:
        user, colon, password = base64.b64decode(token, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Unusable("not base64") from None
    if not colon:
        raise Unusable("no colon")
    user = unquote(user)
    return None if user in ("", "null") else (user, unquote(password))


def client_address(request: web.Request, trusted: Networks) -> str:
    """The address of the client: the right-most of the access route that is not a trusted proxy's."""
    peer = request.remote or ""
    route = [peer]
    if trusted and _within(peer, trusted):
        route = [*_forwarded(request), peer]
    for address in reversed(route):
        if not _within(address, trusted):
            return address
    return route[0]


def caller_of(
    request: web.Request, parameters: Parameters, username: str | None, trusted: Networks, key: bytes
) -> Caller:
    """The caller, given the user name that was verified. *key* keys the digests."""
    address = _digest(_subscriber(client_address(request, trusted)), key)
    device = parameters.text("device_id") or ""
    if len(device) > MAX_DEVICE_ID:
        device = _digest(device, key)
    return Caller(username, device or address, bool(device), address)


def _forwarded(request: web.Request) -> list[str]:
    # ``X-Forwarded-For`` first: a proxy that writes it hands on a client's ``Forwarded`` as it stands. Every line of
    # it: some proxies append a line of their own to the client's.
    lines = ",".join(request.headers.getall("X-Forwarded-For", []))
    if parts := [part.strip() for part in lines.split(",") if part.strip()]:
        return [_bare(part) for part in parts]
    if request.forwarded:
        return [_bare(element["for"]) for element in request.forwarded if "for" in element]
    header = request.headers.get("X-Real-IP")
    return [_bare(header.strip())] if header and header.strip() else []


def _bare(address: str) -> str:
    """Without port, brackets and quotes: ``"[2001:db8::1]:4711"`` is ``2001:db8::1``."""
    address = address.strip('"')
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _within(address: str, trusted: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in trusted if network.version == parsed.version)


def _subscriber(address: str) -> str:
    """An IPv6 address cut to its /64: one line has 2**64 of them, and would otherwise be as many voters."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _digest(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=key[:64], digest_size=20).hexdigest()
