"""Files of any kind become variants, or are refused for the right reason; nothing is left of what was refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from support.hostile import cases
from support.photos import animation, drawn, file_of, photo
from webapp.media import decoder, variants
from webapp.system import instance, programs
from webapp.system.locks import file_lock

NAME = "0123456789abcdef"
MAX_PIXELS = 60_000_000


def still_wanted() -> bool:
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    instance.prepare(tmp_path / "instance")
    return tmp_path / "instance"


@pytest.fixture
def make(folder: Path, tmp_path: Path) -> Callable[..., variants.Decoded | None]:
    def make(content: bytes, files: list[str] | None = None, max_pixels: int = MAX_PIXELS) -> variants.Decoded | None:
        path = tmp_path / "sent"
        path.write_bytes(content)
        with path.open("rb") as file:
            kind = variants.kind_of(file.read(variants.READ_BYTES))
            original = variants.Original(NAME, kind, max_pixels)
            if files is None:
                return variants.make_first(folder, file, original, still_wanted)
            return variants.make(folder, file, original, files, still_wanted)

    return make


def made(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "media/pictures").glob("*.*"))


def opened(folder: Path, name: str) -> Image.Image:
    with Image.open(folder / "media/pictures" / name) as image:
        image.load()
        return image


HOSTILE = list(cases())


@pytest.mark.parametrize(("content", "reason"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_any_file_is_a_picture_or_refused(
    folder: Path, make: Callable[..., variants.Decoded], content: bytes, reason: str | None
) -> None:
    if reason in (None, "animation"):
        decoded = make(content)
        assert decoded.files == made_first(folder, decoded)
        assert (decoded.frames > 1) == (reason == "animation")
    else:
        with pytest.raises(variants.BadPicture, match=f"^{reason}$"):
            make(content)
        assert made(folder) == []
    assert not list((folder / "tmp").iterdir())


def made_first(folder: Path, decoded: variants.Decoded) -> list[str]:
    assert sorted(decoded.files) == made(folder)
    return decoded.files


def test_there_are_enough_of_them() -> None:
    assert len({case[0] for case in HOSTILE}) == len(HOSTILE) >= 60


def test_widths_never_exceed_the_picture() -> None:
    assert decoder.widths(4_000, 3_000) == [480, 960, 1_600, 2_400]
    assert decoder.widths(2_400, 1_600) == [480, 960, 1_600, 2_400]
    assert decoder.widths(1_200, 800) == [480, 960, 1_200]
    assert decoder.widths(480, 300) == [480]
    assert decoder.widths(9, 16) == [9]
    assert decoder.widths(2_000, 20_000) == [480, 960, 1_600]  # WebP has no more than 16,383 lines


def test_readers_meet_the_small_ones_first(folder: Path, make: Callable[..., variants.Decoded]) -> None:
    decoded = make(photo(2_600, 1_950))
    assert made(folder) == [f"{NAME}-480.webp", f"{NAME}-960.jpg", f"{NAME}-960.webp"]
    assert decoded.fallback == "jpg"
    every = variants.files_of(NAME, decoded.width, decoded.height, decoded.fallback)
    make(photo(2_600, 1_950), every)
    assert made(folder) == sorted(every)
    for name in every:
        width = int(name.split("-")[1].split(".")[0])
        assert opened(folder, name).size == (width, width * 3 // 4)


def test_what_is_there_isnt_made_again(folder: Path, make: Callable[..., variants.Decoded | None]) -> None:
    make(photo())
    before = {name: (folder / "media/pictures" / name).stat().st_mtime_ns for name in made(folder)}
    make(photo(), made(folder))
    assert before == {name: (folder / "media/pictures" / name).stat().st_mtime_ns for name in made(folder)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(folder: Path, make: Callable[..., variants.Decoded], orientation: int) -> None:
    """As Pillow itself turns one whose corners are red, green, blue and white."""
    corners = Image.new("RGB", (2, 2))
    for place, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]):
        corners.putpixel((place % 2, place // 2), colour)
    upright = corners.resize((400, 200), Image.Resampling.NEAREST)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(orientation)
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = make(file_of(stored, quality=95, exif=exif))
    assert (decoded.width, decoded.height) == (400, 200)
    image = opened(folder, f"{NAME}-400.jpg").convert("RGB")
    for place, (x, y) in enumerate([(50, 50), (350, 50), (50, 150), (350, 150)]):
        expected = corners.getpixel((place % 2, place // 2))
        assert all(abs(a - b) < 12 for a, b in zip(image.getpixel((x, y)), expected, strict=True)), (x, y)


def test_colours_are_turned_into_those_of_the_web(folder: Path, make: Callable[..., variants.Decoded]) -> None:
    """Of a profile in which red and green have changed places."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    renamed = swapped.replace(b"\0s\0R\0G\0B", b"\0t\0R\0G\0B")
    make(file_of(Image.new("RGB", (100, 100), (250, 20, 20)), "PNG", icc_profile=renamed))
    red, green, _blue = opened(folder, f"{NAME}-100.jpg").convert("RGB").getpixel((50, 50))
    assert green > 200
    assert red < 100
    assert "icc_profile" not in opened(folder, f"{NAME}-100.jpg").info


@pytest.mark.parametrize(("ink", "ground"), [((20, 20, 20), "#ffffff"), ((240, 240, 200), "#1a1a1a")])
def test_the_ground_behind_a_transparent_picture_lets_it_be_seen(
    make: Callable[..., variants.Decoded], ink: tuple[int, int, int], ground: str
) -> None:
    drawing = Image.new("RGBA", (640, 400), (0, 0, 0, 0))
    drawing.paste((*ink, 255), (100, 100, 300, 120))
    assert make(file_of(drawing, "PNG")).ground == ground


def test_the_ground_is_the_average_colour(make: Callable[..., variants.Decoded]) -> None:
    assert make(file_of(Image.new("RGB", (640, 400), (16, 160, 240)), "PNG")).ground == "#10a0f0"


def test_an_animation_keeps_its_times(folder: Path, make: Callable[..., variants.Decoded]) -> None:
    decoded = make(animation(4, 1_200, 60))
    assert (decoded.frames, decoded.fallback, decoded.files) == (4, "webp", [f"{NAME}-960.webp"])
    with Image.open(folder / "media/pictures" / f"{NAME}-960.webp") as image:
        image.load()
        assert (image.n_frames, image.size, image.info["duration"]) == (4, (960, 48), 50)


def test_a_decoder_that_is_ended_says_why(
    folder: Path, make: Callable[..., variants.Decoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    for status, reason in ((-24, "time"), (-6, "memory"), (-11, "memory")):
        ended = programs.Ended(status, b"", b"")
        monkeypatch.setattr(programs, "run", lambda *_args, ended=ended: ended)
        with pytest.raises(variants.BadPicture, match=reason):
            make(photo())
    ended = programs.Ended(1, b"", b"ModuleNotFoundError: No module named 'PIL'\n")
    monkeypatch.setattr(programs, "run", lambda *_args: ended)
    with pytest.raises(RuntimeError, match="No module named 'PIL'"):
        make(photo())


@pytest.mark.slow
def test_a_picture_that_takes_too_much_memory_is_refused(folder: Path, make: Callable[..., variants.Decoded]) -> None:
    """60 megapixels with alpha have room, and nothing has room for twice as many."""
    content = file_of(Image.new("RGBA", (7_740, 7_740), (1, 2, 3, 4)), "PNG")
    assert make(content).fallback == "png"
    variants.delete(folder, NAME)
    with pytest.raises(variants.BadPicture, match="memory"):
        make(file_of(Image.new("RGBA", (15_000, 15_000), (1, 2, 3, 4)), "PNG", compress_level=1), max_pixels=10**9)
    assert made(folder) == []


def test_one_at_a_time_has_the_decoder(
    folder: Path, make: Callable[..., variants.Decoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "WAITING_SECONDS", 0.01)
    with file_lock(folder / "locks" / "decoder"), pytest.raises(variants.DecoderBusy):
        make(photo())
    assert make(photo()).width == 640


def test_many_at_once_all_come_to_their_end(folder: Path, tmp_path: Path) -> None:
    problems: list[Exception] = []

    def one(seed: int) -> None:
        path = tmp_path / str(seed)
        path.write_bytes(photo(seed=seed))
        with path.open("rb") as file:
            try:
                variants.make_first(folder, file, variants.Original(f"{seed:016}", "jpeg", MAX_PIXELS), still_wanted)
            except Exception as error:
                problems.append(error)

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(made(folder)) == 24


def test_the_variants_of_one_picture_are_deleted_and_no_others(folder: Path) -> None:
    media = folder / "media/pictures"
    for name in (f"{NAME}-480.webp", f"{NAME}-480.jpg", "fedcba9876543210-480.webp"):
        (media / name).write_bytes(b"")
    variants.delete(folder, NAME)
    assert made(folder) == ["fedcba9876543210-480.webp"]


def test_the_decoder_knows_nothing_of_the_site(tmp_path: Path) -> None:
    """It starts in a twentieth of a second, and what it could be made to do it would do without our modules."""
    lines = Path(decoder.__file__).read_text().splitlines()
    assert not [line for line in lines if line.startswith(("from .", "from webapp"))]
    with suppress(OSError), Image.open(BytesIO(file_of(drawn(), "PNG"))):
        assert decoder.CPU_SECONDS == 10
