"""One running system for each data folder: a locked file that holds the process's id."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

__all__ = ["RunningError", "RunningLock"]


class RunningError(Exception):
    """Another process holds the folder; the text names it."""


class RunningLock:
    """Holds ``robotoff.pid`` in *folder* while the context lasts.

    The lock is the kernel's and ends with the process, however that ends; the id in the file is for people and scripts.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "robotoff.pid"
        self._file: int | None = None

    def __enter__(self) -> "RunningLock":
        """Raises :class:`RunningError` when another process holds it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunningError(
                f"the folder {self._path.parent} cannot be created ({error.strerror}). Use another with --var."
            ) from None
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.read(file, 32).decode("ascii", "replace").strip()
                os.close(file)
                raise RunningError(
                    f"Robotoff already runs on {self._path.parent}{f' (process {pid})' if pid else ''}. "
                    "Stop it first, or use another folder with --var."
                ) from None
            if self._is_current(file):
                break
            os.close(file)  # its last holder removed it between our opening and locking it
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False
