"""Pictures of imported products: checked by content, stored under a name of their content."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.text import slugify
from PIL import Image

from recommender.importing.errors import BadValue, ImportRefused
from recommender.importing.job import Job
from recommender.importing.progress import bar
from recommender.importing.sources import inside
from shop.models import Product, ProductImage

ENDING_OF_FORMAT = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Where a picture is: an address, or a file and the name that it gets in storage."""

    url: str = ""
    name: str = ""
    source: Path | None = None


class Pictures:
    """The pictures of one import; files are written only when everything else has gone well."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._to_store: dict[str, Path] = {}

    def find(self, image: str, *, sku: str) -> Picture | None:
        """Return the picture, None where there is none; raises BadValue for a path outside the folder."""
        if not image:
            return None
        if "://" in image:
            if not _ADDRESS.fullmatch(image):
                raise BadValue("image is no http(s) address")
            return Picture(url=image)
        path = self._path_of(image)
        ending = self._ending_of(path) if path else None
        if path is None or ending is None:
            self._job.notices["pictures left out: no such file, too large, or not JPEG, PNG or WebP"] += 1
            return None
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return Picture(name=f"products/{slugify(sku)[:60]}-{digest}{ending}", source=path)

    def attach(self, pictures: dict[Product, Picture]) -> int:
        """Point products at their pictures; returns how many rows that wrote."""
        there = {
            image.product_id: image for image in ProductImage.objects.filter(product__in=pictures, position=0)
        }
        new, changed = [], []
        for product, picture in pictures.items():
            if picture.source and not default_storage.exists(picture.name):
                self._to_store[picture.name] = picture.source
            image = there.get(product.pk)
            if image is None:
                new.append(
                    ProductImage(product=product, file=picture.name, url=picture.url, alt=product.name)
                )
            elif (image.file.name or "", image.url) != (picture.name, picture.url):
                image.file, image.url = picture.name, picture.url
                changed.append(image)
        ProductImage.objects.bulk_create(new, batch_size=2000)
        ProductImage.objects.bulk_update(changed, ["file", "url"], batch_size=500)
        return len(new) + len(changed)

    def store(self) -> None:
        """Write the files; those written are removed again when one fails."""
        done: list[str] = []
        try:
            with bar("pictures", shown=self._job.shown, total=len(self._to_store), unit="files") as progress:
                for name, source in self._to_store.items():
                    done.append(default_storage.save(name, ContentFile(source.read_bytes())))
                    progress.update()
        except OSError as error:
            for name in done:
                default_storage.delete(name)
            raise ImportRefused(
                f"The pictures could not be stored ({error}). Nothing was written."
            ) from error

    def _path_of(self, image: str) -> Path | None:
        if Path(image).is_absolute() or ".." in Path(image).parts or "\x00" in image:
            raise BadValue("image is a path outside the folder")
        try:
            path = inside(self._job.folder, self._job.folder / image)
        except ImportRefused as error:
            raise BadValue("image is a path outside the folder") from error
        return path if path.is_file() else None

    def _ending_of(self, path: Path) -> str | None:
        """Return the ending of the format that the content shows, None when it is too large or no picture."""
        limits = self._job.limits
        if path.stat().st_size > limits.picture_bytes:
            return None
        try:
            with Image.open(path, formats=tuple(ENDING_OF_FORMAT)) as image:
                width, height = image.size
                return (
                    ENDING_OF_FORMAT[image.format or ""] if width * height <= limits.picture_pixels else None
                )
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None
