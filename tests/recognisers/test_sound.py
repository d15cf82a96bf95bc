"""Recordings as they come from microphones, converters and mistakes."""

import wave

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from medxpert.errors import DataError
from medxpert.recognisers.sound import RATE_HZ, loudness_dbfs, read_sound, resampled, wav


def tone(seconds=1.0, rate=RATE_HZ, loud=0.3, pitch=440.0):
    return (loud * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_four_formats_are_read_as_mono_at_16_khz(tmp_path, suffix):
    path = tmp_path / f"query.{suffix}"
    stereo = np.stack([tone(rate=44_100), 0.5 * tone(rate=44_100)], axis=1)
    soundfile.write(path, stereo, 44_100)
    sound = read_sound(path)
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert sound.seconds == pytest.approx(1, abs=0.11)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert spectrum.argmax() / sound.seconds == pytest.approx(440, abs=2)
    assert np.sqrt((sound.samples[4000:12000] ** 2).mean()) == pytest.approx(0.3 * 0.75 / np.sqrt(2), rel=0.05)


def test_what_lies_above_8_khz_does_not_fold_back():
    both = tone(rate=48_000) + tone(rate=48_000, pitch=11_000)
    heard = np.abs(np.fft.rfft(resampled(both, 48_000)))
    assert heard[4_900:5_100].max() < 0.01 * heard[440]
    assert resampled(tone(), RATE_HZ) is not None
    np.testing.assert_allclose(resampled(tone(rate=8_000), 8_000), resample_poly(tone(rate=8_000), 2, 1), atol=1e-6)


def test_loudness_is_that_of_the_loudest_tenth_of_a_second_without_its_mean():
    quiet = np.zeros(RATE_HZ, np.float32)
    quiet[8_000:9_600] = tone(0.1, loud=0.1)
    assert loudness_dbfs(quiet) == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.1)
    assert loudness_dbfs(np.full(RATE_HZ, 0.5, np.float32)) == -120


def test_wav_holds_the_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ)
    sound = read_sound(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(wav(sound))
    np.testing.assert_allclose(read_sound(tmp_path / "b.wav").samples, sound.samples, atol=1e-4)


def saved(samples, rate=RATE_HZ, subtype="PCM_16"):
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def cut_off(path):
    soundfile.write(path, tone(), RATE_HZ, format="FLAC")
    path.write_bytes(path.read_bytes()[:3000])


def hours(path):
    """Write the header of a recording of two hours, and half a second of it."""
    soundfile.write(path, tone(0.5), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[40:44] = (2 * 3600 * RATE_HZ * 2).to_bytes(4, "little")
    content[4:8] = (2 * 3600 * RATE_HZ * 2 + 36).to_bytes(4, "little")
    path.write_bytes(content)
    with open(path, "ab") as file:
        file.truncate(2 * 3600 * RATE_HZ * 2 + 44)


BAD = {
    "absent.wav": (lambda path: None, "found no such file"),
    "folder.wav": (lambda path: path.mkdir(), "found no such file"),
    "empty.wav": (lambda path: path.write_bytes(b""), "empty file"),
    "picture.wav": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)), "cannot be decoded"),
    "said.m4a": (lambda path: path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(300)), "found .m4a"),
    "said.raw": (lambda path: path.write_bytes(bytes(32_000)), "found .raw"),
    "said.aiff": (lambda path: soundfile.write(path, tone(), RATE_HZ, format="AIFF"), "found AIFF"),
    "cut.flac": (cut_off, "cannot be decoded"),
    "header.wav": (lambda path: path.write_bytes(_header_only()), "at least 0.3 s"),
    "silent.wav": (saved(np.zeros(RATE_HZ)), "(silent)"),
    "hiss.wav": (saved(np.random.default_rng(0).normal(0, 1e-3, RATE_HZ)), "(silent)"),
    "clipped.wav": (saved(np.clip(8 * tone(), -1, 1)), "(clipped)"),
    "short.wav": (saved(tone(0.2)), "at least 0.3 s, found 0.20 s"),
    "long.wav": (saved(tone(61)), "at most 60 s, found 61 s"),
    "hours.wav": (hours, "found 7,200 s"),
    "slow.wav": (saved(tone(rate=4_000), 4_000), "8,000 to 192,000 samples a second, found 4,000"),
    "many.wav": (saved(np.repeat(tone()[:, None], 9, axis=1)), "at most 8 channels, found 9"),
    "nan.wav": (saved(np.full(RATE_HZ, np.nan), subtype="FLOAT"), "NaN"),
}


def _header_only():
    return b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data\0\0\0\0"


@pytest.mark.parametrize("name", BAD)
def test_each_bad_recording_is_one_line_that_says_what_was_found(tmp_path, name):
    make, found = BAD[name]
    make(tmp_path / name)
    with pytest.raises(DataError) as refused:
        read_sound(tmp_path / name)
    line = str(refused.value)
    assert found in line
    assert name in line
    assert "\n" not in line
    assert line.index("expected") < line.index("found") < line.rindex(";")


def test_two_hours_are_refused_from_the_header(tmp_path, monkeypatch):
    hours(tmp_path / "hours.wav")
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(DataError, match="7,200 s"):
        read_sound(tmp_path / "hours.wav")


def test_a_loud_recording_that_touches_full_scale_now_and_then_is_read(tmp_path):
    loud = tone(loud=0.98)
    loud[::4_000] = 1.0
    soundfile.write(tmp_path / "loud.wav", loud, RATE_HZ)
    assert read_sound(tmp_path / "loud.wav").seconds == 1


def test_pcm_of_the_standard_library_is_read(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((tone() * 32767).astype("<i2").tobytes())
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav").samples, tone(), atol=1e-4)
