"""Who may see, train, cancel and switch in the admin, and what the pages say."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from recommender import embeddings, runs, tasks, versions
from recommender.admin.metrics import metrics_table
from recommender.models import Impression, Interaction, ModelVersion, TrainingRun
from shop.models import Category, Product, User

pytestmark = pytest.mark.django_db

TRAIN = "admin:recommender_trainingrun_train"
RUN_LIST = "admin:recommender_trainingrun_changelist"
VERSION_LIST = "admin:recommender_modelversion_changelist"
METRICS = {
    "rows": {
        "random": {"hit@10": 0.01, "recall@10": 0.002},
        "popularity": {"hit@10": 0.1, "recall@10": 0.05},
        "two_tower": {"hit@10": 0.31, "recall@10": 0.2},
    }
}


@pytest.fixture
def alice() -> Client:
    """An administrator."""
    return logged_in(User.objects.create_superuser("alice@example.com"))


@pytest.fixture
def bob() -> Client:
    """On the staff, and allowed to look only."""
    user = User.objects.create_user("bob@example.com", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="recommender")
    )
    return logged_in(user)


@pytest.fixture
def charlie() -> Client:
    """A shopper."""
    return logged_in(User.objects.create_user("charlie@example.com"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The messages that were put into the queue."""
    messages: list[list[int]] = []
    monkeypatch.setattr(tasks.train, "apply_async", lambda args, **_: messages.append(args))
    return messages


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, run: TrainingRun) -> str:
    return client.get(reverse("admin:recommender_trainingrun_change", args=[run.pk])).content.decode()


def servable(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> ModelVersion:
    """A version with one embedding; its weights are taken to be good."""
    monkeypatch.setattr(versions, "load_user_tower", lambda version: None)
    version = ModelVersion.objects.create(**fields)
    category, _ = Category.objects.get_or_create(name="Kitchen", slug="kitchen", path="kitchen")
    mug, _ = Product.objects.get_or_create(sku="MUG", name="Mug", category=category, price=8)
    embeddings.write_item_embeddings(version, ids=np.array([mug.pk]), vectors=np.ones((1, 2), np.float32))
    return version


def test_a_product_and_a_shopper_with_a_history_can_be_deleted_but_no_history_alone(alice: Client) -> None:
    category = Category.objects.create(name="Home", slug="home", path="home")
    product = Product.objects.create(sku="A", name="Mug", category=category, price=1)
    shopper = User.objects.create_user("dora@example.com")
    event = Interaction.objects.create(product=product, user=shopper, kind="view", occurred_at=timezone.now())
    alone = reverse("admin:recommender_interaction_delete", args=[event.pk])
    assert alice.post(alone, {"post": "yes"}).status_code == 403
    for row, name in ((product, "product"), (shopper, "user")):
        page = reverse(f"admin:shop_{name}_delete", args=[row.pk])
        assert alice.post(page, {"post": "yes"}).status_code == 302
        assert not type(row).objects.filter(pk=row.pk).exists()
    assert not Interaction.objects.exists()


def test_the_train_button_queues_one_run_and_shows_it(alice: Client, sent: list[list[int]]) -> None:
    assert "Train now" in alice.get(reverse(RUN_LIST)).content.decode()
    response = alice.post(reverse(TRAIN), follow=True)
    run = TrainingRun.objects.get()
    assert sent == [[run.pk]]
    assert run.requested_by.email == "alice@example.com"
    assert f"Training run {run.pk}" in response.content.decode()


def test_a_second_press_names_the_run_in_progress(alice: Client, sent: list[list[int]]) -> None:
    alice.post(reverse(TRAIN))
    response = alice.post(reverse(TRAIN), follow=True)
    assert "is queued; wait for it to finish" in response.content.decode()
    assert len(sent) == 1


def test_training_takes_a_post(alice: Client, sent: list[list[int]]) -> None:
    assert alice.get(reverse(TRAIN)).status_code == 405
    assert not TrainingRun.objects.exists()


def test_staff_without_the_permission_may_look_but_not_train(bob: Client, sent: list[list[int]]) -> None:
    assert "Train now" not in bob.get(reverse(RUN_LIST)).content.decode()
    assert bob.post(reverse(TRAIN)).status_code == 403
    run = TrainingRun.objects.create()
    assert "Cancel" not in page_of(bob, run)
    assert bob.post(reverse("admin:recommender_trainingrun_cancel", args=[run.pk])).status_code == 403
    assert sent == []
    assert TrainingRun.objects.get().state == "queued"


def test_a_shopper_sees_nothing_of_it(charlie: Client, sent: list[list[int]]) -> None:
    for name in (RUN_LIST, VERSION_LIST):
        assert charlie.get(reverse(name)).status_code == 302
    assert charlie.post(reverse(TRAIN)).status_code == 302
    assert not TrainingRun.objects.exists()


def test_a_queue_that_is_down_is_a_message_and_a_failed_run(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise OperationalError("Connection refused")

    monkeypatch.setattr(tasks.train, "apply_async", down)
    response = alice.post(reverse(TRAIN), follow=True)
    assert response.status_code == 200
    assert "start Redis, or correct REDIS_URL" in response.content.decode()
    assert TrainingRun.objects.get().state == "failed"


def test_a_running_run_polls_for_its_progress_and_a_finished_one_does_not(alice: Client) -> None:
    run = TrainingRun.objects.create(
        state="running", stage="Training on all events", progress=0.42, heartbeat_at=timezone.now()
    )
    progress = reverse("admin:recommender_trainingrun_progress", args=[run.pk])
    live = alice.get(progress).content.decode()
    assert f'hx-get="{progress}"' in live
    assert 'value="42"' in live
    assert "Training on all events" in live
    runs.finish(run, state="succeeded", line="v7 serves now.", metrics=METRICS)
    ended = alice.get(progress).content.decode()
    assert "hx-get" not in ended
    assert "v7 serves now." in ended
    assert "Two-tower model" in ended


def test_the_page_carries_its_scripts_under_the_content_policy(alice: Client) -> None:
    run = TrainingRun.objects.create()
    response = alice.get(reverse("admin:recommender_trainingrun_change", args=[run.pk]))
    page = response.content.decode()
    assert "htmx-2.min.js" in page
    assert " style=" not in page.split('id="run-progress"')[1].split("</section>")[0]
    nonce = page.split('htmx-2.min.js" nonce="')[1].split('"')[0]
    assert f"'nonce-{nonce}'" in response["Content-Security-Policy"]


def test_the_log_and_the_error_are_escaped(alice: Client) -> None:
    run = TrainingRun.objects.create(state="failed", error="<script>alert(1)</script>", log="<b>bold</b>")
    page = page_of(alice, run)
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>bold</b>" not in page


def test_a_run_that_no_worker_takes_tells_how_to_start_one(alice: Client) -> None:
    run = TrainingRun.objects.create()
    assert "No worker has taken this run" not in page_of(alice, run)
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(seconds=20))
    page = page_of(alice, run)
    assert "No worker has taken this run" in page
    assert "celery -A shop worker" in page


def test_cancel_ends_a_queued_run_and_asks_a_running_one(alice: Client) -> None:
    run = TrainingRun.objects.create()
    cancel = reverse("admin:recommender_trainingrun_cancel", args=[run.pk])
    assert cancel in page_of(alice, run)
    alice.post(cancel)
    assert TrainingRun.objects.get().state == "cancelled"
    second = TrainingRun.objects.create(state="running", heartbeat_at=timezone.now())
    response = alice.post(reverse("admin:recommender_trainingrun_cancel", args=[second.pk]), follow=True)
    assert "will stop after the present step" in response.content.decode()
    second.refresh_from_db()
    assert second.cancel_requested


def test_an_unknown_run_or_version_is_not_found(alice: Client) -> None:
    for name in ("trainingrun_cancel", "modelversion_activate"):
        assert alice.post(reverse(f"admin:recommender_{name}", args=[999_999])).status_code == 404
    assert alice.get(reverse("admin:recommender_trainingrun_progress", args=[999_999])).status_code == 404


def test_a_version_shows_its_metrics_beside_the_baselines_best_first(alice: Client) -> None:
    gate = {"passed": False, "forced": False, "reasons": ["recall@10 fell."]}
    version = ModelVersion.objects.create(status="rejected", metrics=METRICS, gate=gate)
    page = alice.get(reverse("admin:recommender_modelversion_change", args=[version.pk])).content.decode()
    assert page.index("Two-tower model") < page.index("Popularity") < page.index("Random")
    assert "0.3100" in page
    assert "recall@10 fell." in page
    assert "/activate/" not in page
    assert "0.2000" in alice.get(reverse(VERSION_LIST)).content.decode()


def test_metrics_stand_in_one_order_with_the_best_of_each_marked() -> None:
    rows = {
        "two_tower": {"mrr": 0.2, "hit@10": 0.3, "extra": 1.0},
        "random": {"mrr": 0.1, "hit@10": 0.4, "extra": 1.0},
    }
    table = metrics_table({"rows": rows})
    assert table is not None
    assert table.columns == ["Hit@10", "MRR", "extra"]
    model, random = table.rows
    assert [cell.is_best for cell in model.cells] == [False, True, True]
    assert [cell.text for cell in random.cells] == ["0.4000", "0.1000", "1.0000"]


def test_where_less_is_better_the_least_is_marked_and_a_gap_stays_a_gap() -> None:
    rows = {
        "two_tower": {"gini": 0.2, "diversity": 0.9},
        "popularity": {"gini": 0.9},
    }
    table = metrics_table({"rows": rows})
    assert table is not None
    model, popularity = table.rows
    assert [cell.is_best for cell in model.cells] == [True, True]
    assert [cell.text for cell in popularity.cells] == ["0.9000", "-"]
    assert not any(cell.is_best for cell in popularity.cells)


def test_a_run_tells_how_long_it_took(alice: Client) -> None:
    start = timezone.now()
    run = TrainingRun.objects.create(
        state="succeeded", started_at=start, finished_at=start + timedelta(seconds=65)
    )
    assert "1 min 5 s" in page_of(alice, run)
    assert "1 min 5 s" in alice.get(reverse(RUN_LIST)).content.decode()
    assert "Took" not in page_of(alice, TrainingRun.objects.create())


def test_a_version_lists_its_configuration_by_name(alice: Client) -> None:
    version = ModelVersion.objects.create(config={"embedding_dim": 64}, num_interactions=1_234_567)
    page = alice.get(reverse("admin:recommender_modelversion_change", args=[version.pk])).content.decode()
    assert "<dt>embedding_dim</dt><dd>64</dd>" in page
    assert "1,234,567" in page


def test_impressions_are_picked_by_their_placement(alice: Client) -> None:
    for placement in ("home_for_you", "product_similar"):
        Impression.objects.create(
            placement=placement, visitor_id=uuid.uuid4(), source="newest", product_ids=[]
        )
    page = reverse("admin:recommender_impression_changelist")
    for asked, found in (("home_for_you", 1), ("none", 0), ("", 2)):
        response = alice.get(page, {"placement": asked} if asked else {})
        assert response.context["cl"].result_count == found


def test_activation_asks_first_and_switches_on_post(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = versions.activate(servable(monkeypatch))
    second = servable(monkeypatch, metrics=METRICS)
    activate = reverse("admin:recommender_modelversion_activate", args=[second.pk])
    question = alice.get(activate).content.decode()
    assert f"Yes, activate {second}" in question
    assert versions.active_version() == first
    response = alice.post(activate, follow=True)
    assert f"Serving now: {second}." in response.content.decode()
    assert versions.active_version() == second


def test_roll_back_asks_first_and_switches_on_post(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (versions.activate(servable(monkeypatch)) for _ in range(2))
    assert f"Roll back to {first}" in alice.get(reverse(VERSION_LIST)).content.decode()
    roll_back = reverse("admin:recommender_modelversion_roll_back")
    assert f"Roll back to {first}?" in alice.get(roll_back).content.decode()
    assert versions.active_version() == second
    alice.post(roll_back)
    assert versions.active_version() == first
    assert "No earlier version" in alice.get(roll_back, follow=True).content.decode()


def test_damaged_weights_are_a_message_and_the_old_version_serves_on(
    alice: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serving, damaged = (
        versions.activate(servable(monkeypatch)),
        servable(monkeypatch, artifact_path="models/x"),
    )
    monkeypatch.undo()
    response = alice.post(reverse("admin:recommender_modelversion_activate", args=[damaged.pk]), follow=True)
    assert response.status_code == 200
    assert "There is no saved model" in response.content.decode()
    assert versions.active_version() == serving


def test_staff_without_the_permission_cannot_switch(bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (versions.activate(servable(monkeypatch)) for _ in range(2))
    assert "Roll back" not in bob.get(reverse(VERSION_LIST)).content.decode()
    assert bob.post(reverse("admin:recommender_modelversion_roll_back")).status_code == 403
    assert bob.post(reverse("admin:recommender_modelversion_activate", args=[first.pk])).status_code == 403
    assert versions.active_version() == second


def test_logged_rows_can_be_read_filtered_and_not_written(alice: Client) -> None:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    mug = Product.objects.create(sku="MUG", name="Blue mug", category=kitchen, price=8)
    user = User.objects.get(email="alice@example.com")
    row = Interaction.objects.create(user=user, product=mug, kind="view", occurred_at=timezone.now())
    Impression.objects.create(
        placement="home_for_you", visitor_id=row.event_id, source="newest", product_ids=[mug.pk]
    )
    listed = alice.get(reverse("admin:recommender_interaction_changelist"), {"kind": "view", "q": "mug"})
    assert "Blue mug" in listed.content.decode()
    for model in ("interaction", "impression", "recommendation"):
        assert alice.get(reverse(f"admin:recommender_{model}_changelist")).status_code == 200
        assert alice.get(reverse(f"admin:recommender_{model}_add")).status_code == 403
    change = reverse("admin:recommender_interaction_change", args=[row.pk])
    assert alice.get(change).status_code == 200
    assert alice.post(change, {"kind": "purchase"}).status_code == 403


def test_a_served_list_is_read_by_name_in_its_order(alice: Client) -> None:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    mug, pan = (
        Product.objects.create(sku=name, name=name, category=kitchen, price=8) for name in ("Mug", "<Pan>")
    )
    row = Impression.objects.create(
        placement="home_for_you", visitor_id=uuid.uuid4(), source="newest", product_ids=[pan.pk, mug.pk, 999]
    )
    page = alice.get(reverse("admin:recommender_impression_change", args=[row.pk])).content.decode()
    ranking = page.split('<ol class="ranking">')[1].split("</ol>")[0]
    assert ranking.index("&lt;Pan&gt;") < ranking.index("Mug")
    assert ranking.count("<li>") == 2
