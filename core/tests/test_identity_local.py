"""Local accounts, and the key of the digests that stand for addresses."""

import stat
from pathlib import Path

from robotoff_core.config import Account, load_config
from robotoff_core.identity import LocalAccounts, digest_key, hash_password


def test_accounts() -> None:
    accounts = LocalAccounts(
        {
            "ada": Account(password="plain"),
            "bob": Account(password_hash=hash_password("hashed")),
            "eve": Account(password_hash="scrypt$not base64$x"),
        }
    )
    assert accounts.verify("ada", "plain") == "ada"
    assert accounts.verify("bob", "hashed") == "bob"
    assert hash_password("hashed") != hash_password("hashed")
    for name, password in (("ada", "hashed"), ("bob", "plain"), ("bob", ""), ("eve", "x"), ("nobody", "plain")):
        assert accounts.verify(name, password) is None


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    config = load_config(overrides={"var": tmp_path / "var"}, environ={})
    key = digest_key(config)
    assert len(key) == 32
    assert digest_key(config) == key
    [file] = (tmp_path / "var").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = load_config(overrides={"var": tmp_path / "other"}, environ={})
    assert digest_key(other) != key
    named = load_config(overrides={"var": tmp_path, "server.secret": "ours"}, environ={})
    assert digest_key(named) == b"ours"
    assert "ours" not in repr(named)
    assert all(row.value != "ours" for row in named.shown())
