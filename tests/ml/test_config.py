"""Settings that make no sense are refused by name."""

import math

import pytest

from ml.config import LossConfig, TrainConfig


def test_bad_settings_are_named():
    with pytest.raises(
        ValueError, match=r"Unknown training settings: dropout, embeding_dim\. Known: affinity_width"
    ):
        TrainConfig.from_dict({"embeding_dim": 32, "dropout": 1})
    with pytest.raises(ValueError, match="use auto, cpu or cuda"):
        TrainConfig(device="tpu")
    assert TrainConfig.from_dict(TrainConfig().to_dict()) == TrainConfig()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("temperature", 0, "temperature must be above 0"),
        ("temperature", math.nan, "temperature must be above 0"),
        ("learning_rate", -1e9, "learning_rate must be above 0"),
        ("learning_rate", math.nan, "learning_rate must be above 0"),
        ("learning_rate", math.inf, "learning_rate must be above 0"),
        ("loss", "hinge", "'hinge'; use one of softmax"),
        ("max_epochs", 0, "max_epochs is 0; use 1 or more"),
        ("stop_epoch", 10**6, "stop_epoch is 1000000; use 0 to"),
        ("hide_share", 1.5, "hide_share is 1.5; use a share"),
        ("item_id_dropout", math.nan, "item_id_dropout is nan; use a share"),
        ("valid_share", 1, "valid_share below 1"),
        ("patience", 0, "patience is 0; use 1 or more"),
        ("max_history", -3, "max_history is -3; use 1 or more"),
        ("batch_users", -1, "batch_users is -1; use 0 or more"),
        ("weight_decay", -0.1, "weight_decay is -0.1; use 0 or more"),
        ("kind_power", math.inf, "kind_power is inf; use 0 or more"),
        ("trend_days", -1.0, "trend_days is -1.0; use 0 or more"),
        ("trend_strength", math.nan, "trend_strength is nan; use 0 or more"),
        ("dim_ratio", {"text": 0.0}, "dim_ratio must be above 0"),
        ("embedding_dim", 1, "embedding_dim must be at least 2"),
    ],
)
def test_absurd_settings_are_named(setting, value, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"name": "hinge"}, "'hinge'; use one of softmax, cosine_contrastive"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"pair_share": 1.5}, "pair_share is a share"),
        ({"dislike_weight": -1.0}, "dislike_weight must not be below 0"),
        ({"negative_weight": 0.0}, "nor negative_weight 0 or less"),
    ],
)
def test_absurd_settings_of_a_loss_are_named(setting, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**setting)


def test_the_loss_reads_its_part_of_the_settings():
    config = TrainConfig(loss="cosine_contrastive", temperature=0.7, margin=0.1, negative_weight=3.0)
    assert config.loss_config.name == "cosine_contrastive"
    assert (config.loss_config.temperature, config.loss_config.margin) == (0.7, 0.1)
    assert config.loss_config.negative_weight == 3.0
