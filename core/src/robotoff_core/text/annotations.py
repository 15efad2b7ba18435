"""What the cloud saw on the image besides text (logos, things, faces, safe search), and the words with their places."""

from enum import IntEnum, StrEnum

from attrs import frozen

from ..model.boxes import Box

__all__ = ["CloudLabel", "Face", "Likelihood", "Logo", "Orientation", "SafeSearch", "Word"]


class Orientation(StrEnum):
    """Which way the text is turned: ``left`` is 90 degrees counter-clockwise, ``right`` 90 degrees clockwise."""

    UP = "up"
    LEFT = "left"
    DOWN = "down"
    RIGHT = "right"
    UNKNOWN = "unknown"


class Likelihood(IntEnum):
    """The cloud's likelihoods, ordered."""

    UNKNOWN = 0
    VERY_UNLIKELY = 1
    UNLIKELY = 2
    POSSIBLE = 3
    LIKELY = 4
    VERY_LIKELY = 5


@frozen
class Word:
    """One word of the text: ``document.text[start:end] == text``. ``box`` is absolute (pixels), ``None`` when the
    polygon has no vertices; ``languages`` are the codes detected for it."""

    text: str
    start: int
    end: int
    box: Box | None
    orientation: Orientation
    languages: tuple[str, ...] = ()


@frozen
class Logo:
    """A logo the cloud recognised: its name as text, a score 0..1, its knowledge-graph id when it has one."""

    description: str
    score: float
    mid: str | None = None


@frozen
class CloudLabel:
    """What the cloud sees on the image ("Food", "Font"): text, score 0..1, knowledge-graph id."""

    description: str
    score: float
    mid: str | None = None


@frozen
class SafeSearch:
    """How likely the image is unsuitable, by kind."""

    adult: Likelihood
    spoof: Likelihood
    medical: Likelihood
    violence: Likelihood
    racy: Likelihood


@frozen
class Face:
    """A face on the image: the confidence of the detection (0..1) and the likelihoods of its properties by key
    (``joyLikelihood``, ``blurredLikelihood``, ...)."""

    confidence: float
    likelihoods: dict[str, Likelihood]
