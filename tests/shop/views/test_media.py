import pytest


@pytest.fixture
def picture(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "media" / "products").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "media" / "products" / "a.svg").write_text("<svg/>")
    return "/media/products/a.svg"


@pytest.mark.parametrize("debug", [True, False])
def test_a_picture_is_sent_and_can_do_nothing_else(client, settings, picture, debug):
    settings.DEBUG = debug
    answer = client.get(picture)
    assert b"".join(answer.streaming_content) == b"<svg/>"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "products/none.png",
        "products/",
        "",
        "a%00b",
        "x" * 5000,
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "../secret.txt",
    ],
)
def test_nothing_else_is_found(client, picture, path):
    assert client.get(f"/media/{path}").status_code == 404


def test_pictures_are_only_read(client, picture):
    assert client.post(picture).status_code == 405
