"""The address that load balancers ask."""


def test_health_is_200_when_database_and_redis_answer(client, db: None):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"ok": True, "failing": []})


def test_health_names_what_does_not_answer(client, db: None, monkeypatch):
    monkeypatch.setattr("shop.views.health._redis_answers", lambda: False)
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (503, {"ok": False, "failing": ["redis"]})
