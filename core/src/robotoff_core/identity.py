"""Who answers: a seam with one driver, the local accounts of ``[accounts]``. Unknown credentials are nobody."""

import hashlib
import hmac
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from .config import Account, Config

__all__ = ["Identity", "LocalAccounts", "digest_key", "hash_password"]

_N, _R, _P = 2**14, 8, 1


class Identity(Protocol):
    """Verifies credentials."""

    def verify(self, username: str, password: str) -> str | None:
        """The verified user name, or ``None``: the caller is anonymous."""
        ...


class LocalAccounts:
    """The accounts of the configuration, compared in constant time."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = accounts

    def verify(self, username: str, password: str) -> str | None:
        """*username* when it is an account and *password* its password."""
        account = self._accounts.get(username)
        # An unknown name costs a hash too, so that the time taken tells nothing.
        expected = _NOBODY if account is None else account.password_hash or ""
        if account is not None and account.password is not None:
            matches = hmac.compare_digest(account.password.encode(), password.encode())
        else:
            matches = _matches(expected, password)
        return username if matches and account is not None else None


def digest_key(config: Config) -> bytes:
    """The key of the digests that stand for addresses: ``server.secret``, or one made once and kept in ``var``.

    Without a key a digest of an IPv4 address could be reversed by trying all of them. Raises :class:`OSError`.
    """
    if config.server.secret is not None:
        return config.server.secret.encode()
    path = config.var / "digest.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made aside and linked whole: of several processes that start at once the first one's key counts.
        with tempfile.NamedTemporaryFile(dir=path.parent) as made:
            made.write(os.urandom(32))
            made.flush()
            with suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_bytes()


def hash_password(password: str) -> str:
    """The form for ``password_hash``: ``scrypt$<salt>$<digest>``, both base64."""
    salt = os.urandom(16)
    return f"scrypt${b64encode(salt).decode()}${b64encode(_digest(password, salt)).decode()}"


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P)


def _matches(expected: str, password: str) -> bool:
    try:
        scheme, salt, digest = expected.split("$")
        known = b64decode(digest, validate=True)
        computed = _digest(password, b64decode(salt, validate=True))
    except ValueError:
        return False
    return scheme == "scrypt" and hmac.compare_digest(known, computed)


_NOBODY = "scrypt$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 86 + "=="
