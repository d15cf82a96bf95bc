"""A recording from a file: mono, 16 kHz, and refused where nobody could understand it."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError, MissingExtraError
from medxpert.exchange import Sound

RATE_HZ = 16_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.3, 60.0
LEAST_HZ, MOST_HZ = 8_000, 192_000
MOST_CHANNELS = 8
WINDOW_SECONDS = 0.1
SILENT_DBFS = -55.0
"""Root mean square of the loudest window; speech close to a microphone reaches -30 to -15."""
FULL_SCALE, MOST_CLIPPED = 0.999, 0.005
"""From where a sample counts as cut off, and the share of such samples that still leaves speech readable."""
FORMATS = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}
"""libsndfile's name -> ours."""
_READ = "wav, flac, ogg or mp3"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording.

    Attributes:
        samples: float32 [T] in -1..1, mono, at 16,000 samples a second.
    """

    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE_HZ


class _Raw(NamedTuple):
    frames: NDArray[np.float32]
    """[T, channels], at most one second more than the longest that is taken."""
    rate_hz: int


def read_sound(path: Path) -> Recording:
    """Read a recording of a query or a question.

    Several channels are averaged. Length, rate and channels are looked up in the header, before anything is decoded.

    Raises:
        DataError: there is no such file, it is no audio of a format that is read, its rate, channels or length are out
            of bounds, or it is broken, silent or clipped.
        MissingExtraError: soundfile is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a recording ({_READ}), found no such file; check audio=")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: expected a recording ({_READ}), found an empty file; record it again")
    raw = _decoded(path)
    _check_readable(path, raw)
    samples = resampled(raw.frames.mean(axis=1, dtype=np.float32), raw.rate_hz)
    _check_loud(path, samples)
    return Recording(samples)


def resampled(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Return samples [T] at 16 kHz, by a polyphase filter that keeps out what would fold back."""
    if rate_hz == RATE_HZ:
        return samples
    from scipy.signal import resample_poly

    common = gcd(RATE_HZ, rate_hz)
    turned: NDArray[np.float32] = resample_poly(samples, RATE_HZ // common, rate_hz // common).astype(np.float32)
    return turned.clip(-1, 1)


def loudness_dbfs(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    """Return the root mean square of the loudest tenth of a second, its mean taken out, in dB of full scale.

    Args:
        samples: [T], at least one.
        rate_hz: of the samples.
    """
    window = min(max(1, round(WINDOW_SECONDS * rate_hz)), len(samples))
    windows = samples[: len(samples) // window * window].reshape(-1, window).astype(np.float64)
    power = float(windows.var(axis=1).max())
    return 10 * float(np.log10(max(power, 1e-12)))


def wav(sound: Sound) -> bytes:
    """Return a recording as a WAV file: 16 bits, mono, 16 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((sound.samples.clip(-1, 1) * 32767).astype(np.dtype("<i2")).tobytes())
    return buffer.getvalue()


def _decoded(path: Path) -> _Raw:
    """Decode a file whose header keeps to the bounds.

    Raises:
        DataError: it does not, or cannot be decoded.
        MissingExtraError: soundfile is not installed.
    """
    try:
        import soundfile
    except ImportError:
        raise MissingExtraError("soundfile", "voice") from None
    try:
        with soundfile.SoundFile(path) as file:
            _check_header(path, file)
            # some headers lie, and some streams have none: never decode more than is of use
            return _Raw(file.read(int((LONGEST_SECONDS + 1) * file.samplerate), "float32", True), file.samplerate)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        found = "a damaged one" if path.suffix[1:].lower() in FORMATS.values() else f"{path.suffix or 'no suffix'!s}"
        raise DataError(
            f"{path}: expected a recording ({_READ}), found {found} that cannot be decoded "
            f"({' '.join(str(error).split())[-80:]}); convert it, for example with ffmpeg -i FILE query.wav"
        ) from None


def _check_header(path: Path, file: Any) -> None:
    if file.format not in FORMATS:
        raise DataError(f"{path}: expected a recording ({_READ}), found {file.format}; convert it to wav")
    if not LEAST_HZ <= file.samplerate <= MOST_HZ:
        raise DataError(
            f"{path}: expected {LEAST_HZ:,} to {MOST_HZ:,} samples a second, found {file.samplerate:,}; "
            f"record it again at {RATE_HZ:,}"
        )
    if file.channels > MOST_CHANNELS:
        raise DataError(
            f"{path}: expected at most {MOST_CHANNELS} channels, found {file.channels}; record it with one microphone"
        )
    _check_longest(path, file.frames / file.samplerate)


def _check_longest(path: Path, seconds: float) -> None:
    if seconds > LONGEST_SECONDS:
        raise DataError(
            f"{path}: expected at most {LONGEST_SECONDS:g} s, found {seconds:,.0f} s; record the query or question only"
        )


def _check_readable(path: Path, raw: _Raw) -> None:
    """Refuse what no recogniser could understand.

    Raises:
        DataError: it is too long or too short, holds what is no number, or is clipped.
    """
    seconds = len(raw.frames) / raw.rate_hz
    _check_longest(path, seconds)
    if seconds < SHORTEST_SECONDS:
        raise DataError(
            f"{path}: expected at least {SHORTEST_SECONDS:g} s, found {seconds:.2f} s; "
            "record it again, and check that the file is whole"
        )
    if not np.isfinite(raw.frames).all():
        raise DataError(f"{path}: expected samples in -1..1, found NaN or infinity; record it again")
    clipped = float((np.abs(raw.frames) >= FULL_SCALE).mean(axis=0).max())
    if clipped > MOST_CLIPPED:
        raise DataError(
            f"{path}: expected at most {MOST_CLIPPED:.1%} of samples at full scale, found {clipped:.1%} (clipped); "
            "turn the microphone down and record it again"
        )


def _check_loud(path: Path, samples: NDArray[np.float32]) -> None:
    loudest = loudness_dbfs(samples)
    if loudest < SILENT_DBFS:
        raise DataError(
            f"{path}: expected speech above {SILENT_DBFS:g} dBFS, found {loudest:.0f} dBFS at most (silent); "
            "check the microphone and record it again"
        )
