"""One fit of new towers to some events: batches of users against the catalogue, checked as it goes."""

# B = users of the batch, C = candidate items, I = items, D = embedding dimension

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ml.artifacts import save_checkpoint
from ml.config import TrainConfig
from ml.data import Dataset, Histories, Interactions, moments_ago
from ml.devices import prepare_torch
from ml.evaluation import HeldOut
from ml.features import UNKNOWN, FeatureSpec, concatenate
from ml.histories import HistoryBatch
from ml.losses import Pairs, loss_of
from ml.model import TrainedModel, blank_user, encode_items, encode_users, shared_directions
from ml.optimizers import make_optimizer
from ml.sampling import CandidateSampler, HidingPlan, UserBatch, UserPairs, draw_batch, trend
from ml.spectral import fit_linear, spectral_vectors
from ml.towers import EntityBatch, TowerShape, TwoTower
from ml.validating import metrics_of

LAST_RATE = 0.03  # of the learning rate, at the end
OnProgress = Callable[[str, float, str], None]
ShouldStop = Callable[[], bool]


class TrainingCancelled(Exception):
    """should_stop() said so."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Who is told of the progress, who may stop it, where checkpoints go."""

    on_progress: OnProgress | None = None
    should_stop: ShouldStop | None = None
    checkpoint_dir: Path | None = None

    def check(self) -> None:
        if self.should_stop is not None and self.should_stop():
            raise TrainingCancelled("The training was cancelled; nothing was saved.")

    def report(self, stage: str, fraction: float, message: str) -> None:
        if self.on_progress is not None:
            self.on_progress(stage, fraction, message)

    def part(self, start: float, end: float) -> "Hooks":
        """The hooks of work whose 0 to 1 is `start` to `end` of the whole."""

        def on_progress(stage: str, fraction: float, message: str) -> None:
            self.report(stage, start + (end - start) * fraction, message)

        return replace(self, on_progress=on_progress)


class Fit:
    """One fit of new towers to some events."""

    def __init__(self, dataset: Dataset, *, events: Interactions, config: TrainConfig) -> None:
        self.config = config
        self.device = prepare_torch(config)
        self.rng = np.random.default_rng(config.seed)
        self.dataset, self.events = dataset, events
        self.pairs = UserPairs.from_interactions(events, num_users=len(dataset.users))
        popularity = self.pairs.popularity(len(dataset.items))
        active = np.diff(self.pairs.offsets) > 0
        self.item_spec = FeatureSpec.fit(dataset.items, known=np.flatnonzero(popularity))
        self.user_spec = FeatureSpec.fit(dataset.users, known=np.flatnonzero(active), beside=self.item_spec)
        self.users = concatenate(self.user_spec.encode(dataset.users), blank_user(self.user_spec))
        self.items = self.item_spec.encode(dataset.items)
        shape = TowerShape.of(config.to_dict())
        self.network = TwoTower(users=self.user_spec, items=self.item_spec, shape=shape)
        self.network.to(self.device)
        self._start_from_popularity(
            self.pairs.recent_popularity(
                len(dataset.items), half_life_days=config.recent_half_life_days or 0.0
            )
        )
        self._silence_unstated_values()
        self.popular_I = self._popular_of_late(config.newcomer_half_life_days or 0.0)
        if config.known_by_content is False:
            self.network.item.content_share[1:] = 0.0
        self.sampled = len(dataset.items) > config.full_softmax_limit
        self.sampler = CandidateSampler(
            popularity=popularity, num_samples=config.num_samples, popular_share=config.popular_share
        )
        self.all_items = EntityBatch.from_encoded(self.items, device=self.device)
        if config.spectral_start and popularity.any():
            self._start_from_spectrum()
        self.optimizer = make_optimizer(
            self.network, learning_rate=config.learning_rate, weight_decay=config.weight_decay
        )
        self.history: list[dict[str, float]] = []

    def run(self, epochs: int, *, hooks: Hooks, stage: str, valid: HeldOut | None = None) -> int:
        """The best epoch, whose weights stay: the last of `epochs`, or the best on the validation users."""
        best, best_epoch, best_state = -1.0, epochs, None
        for epoch in range(1, epochs + 1):
            entry = {"epoch": float(epoch), "loss": self._epoch(epoch, hooks=hooks)}
            checked = valid is not None and epoch % self.config.evaluate_every == 0
            if valid is not None and checked:
                entry |= self.validate(valid)
                if entry["ndcg@20"] > best:
                    best, best_epoch = entry["ndcg@20"], epoch
                    best_state = {name: value.clone() for name, value in self.network.state_dict().items()}
            self.history.append(entry)
            message = ", ".join(f"{name} {value:.4g}" for name, value in entry.items())
            hooks.report(stage, epoch / epochs, message)
            if hooks.checkpoint_dir is not None:
                state = {"stage": stage, **entry, "config": self.config.to_dict()}
                save_checkpoint(hooks.checkpoint_dir, network=self.network, state=state)
            if checked and epoch - best_epoch >= self.config.patience * self.config.evaluate_every:
                break
        if best_state is not None:
            self.network.load_state_dict(best_state)
        return best_epoch

    def _epoch(self, epoch: int, *, hooks: Hooks) -> float:
        users = self.rng.permutation(self.pairs.trainable_users)
        batch_users = users_at_once(self.config, num_users=len(users))
        plan = HidingPlan(
            # Who is known by the id alone says nothing once the history is gone.
            history_drop=self.config.history_drop if self.network.user.profile.widths else 0.0,
            next_share=self.config.next_share,
            hide_share=self.config.hide_share,
            recent_half_life_days=self.config.recent_half_life_days or 0.0,
            kind_power=self.config.kind_power,
            heavy_power=self.config.heavy_power,
        )
        losses = []
        self.network.train()
        # Equal parts: a rest of two users would be a step as large and far noisier than the others.
        parts = np.array_split(users, -(-len(users) // batch_users))
        for step, part in enumerate(parts):
            hooks.check()
            done = (epoch - 1 + step / len(parts)) / self.config.max_epochs
            self.optimizer.learning_rate = self.config.learning_rate * (1 - (1 - LAST_RATE) * done)
            batch = draw_batch(self.pairs, users=part, plan=plan, rng=self.rng)
            loss = self._loss(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _loss(self, batch: UserBatch) -> torch.Tensor:
        candidates, log_q = self._candidates(batch)
        items, vector_ID, bias_I, place = self._encode_items(candidates)
        profile, id_code = self._profiles(batch.users)
        history = HistoryBatch(
            offsets=self._tensor(batch.history_offsets[:-1]),
            item_row=self._tensor(place(batch.history_item)),
            weight=self._tensor(batch.history_weight),
            age_seconds=self._tensor(batch.history_age),
            rank=self._tensor(moments_ago(batch.history_age, offsets=batch.history_offsets)),
        )
        read_ID = vector_ID[:, : self.network.dim]
        user_BD = self.network.user.encode(
            profile,
            history=history,
            item_vectors=read_ID,
            item_codes=items.categorical,
            directions=self.network.user.shared.directions(items, item_vectors=read_ID),
            id_code=id_code,
        )
        pairs = Pairs(
            row=self._tensor(batch.target_row),
            column=self._tensor(place(batch.target_item)),
            weight=self._tensor(batch.target_weight),
            row_weight=self._tensor(batch.row_weight),
            hidden_row=self._tensor(batch.known_row),
            hidden_column=self._tensor(place(batch.known_item)),
            negative_row=self._tensor(batch.negative_row),
            negative_column=self._tensor(place(batch.negative_item)),
        )
        return loss_of(
            user_BD,
            item_CD=vector_ID,
            bias_C=bias_I,
            pairs=pairs,
            config=self.config.loss_config,
            log_q_C=log_q,
        )

    def _candidates(self, batch: UserBatch) -> tuple[np.ndarray | None, torch.Tensor | None]:
        if not self.sampled:
            return None, None
        in_batch = np.concatenate([batch.target_item, batch.history_item, batch.negative_item])
        candidates, log_q = self.sampler.draw(in_batch, rng=self.rng)
        return candidates, self._tensor(log_q)

    def _encode_items(
        self, candidates: np.ndarray | None
    ) -> tuple[EntityBatch, torch.Tensor, torch.Tensor, Callable[[np.ndarray], np.ndarray]]:
        """The candidates, their vectors and biases, and the map from item indices to their rows."""
        if candidates is None:
            items, id_code = self.all_items, self.items.id_code
        else:
            encoded = self.items.take(candidates)
            items, id_code = EntityBatch.from_encoded(encoded, device=self.device), encoded.id_code
        if self.network.item.widths:
            id_code = np.where(self.rng.random(len(id_code)) < self.config.item_id_dropout, UNKNOWN, id_code)
        vector_CD, bias_C = self.network.encode_items(items, id_code=self._tensor(id_code))
        if candidates is None:
            return items, vector_CD, bias_C, lambda item_index: item_index
        return items, vector_CD, bias_C, lambda item_index: np.searchsorted(candidates, item_index)

    def _profiles(self, users: np.ndarray) -> tuple[EntityBatch, torch.Tensor]:
        """The users' profiles, some as if they were guests, and id codes, some as if they were new."""
        dropout = self.config.profile_dropout if self.network.user.profile.widths else 0.0
        as_guest = self.rng.random(len(users)) < dropout
        as_new = as_guest | (self.rng.random(len(users)) < self.config.user_id_dropout)
        encoded = self.users.take(np.where(as_guest, len(self.dataset.users), users))
        id_code = np.where(as_new, UNKNOWN, encoded.id_code)
        return EntityBatch.from_encoded(encoded, device=self.device), self._tensor(id_code)

    def _start_from_popularity(self, popularity: np.ndarray) -> None:
        """Begin with log popularity as the bias; an unknown item as one of the less popular."""
        bias = np.log1p(popularity) - np.log1p(popularity).mean()
        unknown = np.percentile(bias, 25)
        with torch.no_grad():
            weight = self.network.item.id_bias.weight
            weight.fill_(float(unknown))
            weight[torch.from_numpy(self.items.id_code), 0] = torch.from_numpy(bias).float()
            weight[UNKNOWN] = float(unknown)

    def _start_from_spectrum(self) -> None:
        """Begin with items at the leading directions of who liked what, as content allows."""
        vectors = spectral_vectors(
            self.pairs.wants(len(self.dataset.items)), dim=self.config.embedding_dim, rng=self.rng
        )
        known = torch.from_numpy(np.flatnonzero(self.items.id_code != UNKNOWN)).to(self.device)
        target_ND, tower = self._tensor(vectors)[known], self.network.item
        with torch.no_grad():
            if tower.widths:
                fit_linear(tower.linear, tower.fuse(self.all_items)[known], targets_ND=target_ND)
                share_N1 = tower.content_share[self._tensor(self.items.id_code)[known]][:, None]
                target_ND = target_ND - share_N1 * tower.content(self.all_items)[known]
            tower.id_table.weight[self._tensor(self.items.id_code)[known]] = target_ND

    def _silence_unstated_values(self) -> None:
        """Let values that nobody stated say nothing, but for where the items that have them point."""
        if self.user_spec.num_multi:
            stated = np.bincount(self.users.multi_code, minlength=self.user_spec.num_multi) > 0
            with torch.no_grad():
                self.network.user.profile.multi.weight[torch.from_numpy(~stated)] = 0.0

    def follow_trend(self, strength: float) -> None:
        """Add so much of the latest trend to the known items' biases."""
        rising_I = trend(
            self.pairs,
            num_items=len(self.dataset.items),
            short_days=self.config.trend_days,
            long_days=self.config.recent_half_life_days or 0.0,
        )
        known = np.flatnonzero(self.items.id_code != UNKNOWN)
        with torch.no_grad():
            weight = self.network.item.id_bias.weight
            weight[self._tensor(self.items.id_code[known]), 0] += strength * self._tensor(rising_I[known])

    def _popular_of_late(self, half_life_days: float) -> torch.Tensor:
        """(I,) the logs of the popularity with a half-life, 0 = of all time; NaN for the unknown."""
        counts = self.pairs.recent_popularity(len(self.dataset.items), half_life_days=half_life_days)
        popular_I = np.where(self.items.id_code == UNKNOWN, np.nan, np.log1p(counts))
        return self._tensor(popular_I.astype(np.float32))

    def _serve_newcomers(self) -> None:
        """Say by how much known items are more popular of late than by their biases; in all as likely."""
        with torch.no_grad():
            known = ~self.popular_I.isnan()
            popular_K, bias_K = self.popular_I[known], self.network.encode_items(self.all_items)[1][known]
            level = torch.logsumexp(bias_K, dim=0) - torch.logsumexp(popular_K, dim=0)
            self.network.item.lately[self.all_items.id_code[known]] = popular_K + level - bias_K

    def validate(self, valid: HeldOut, *, as_newcomers: bool = False) -> dict[str, float]:
        """Mean metrics at 20 on the held-out users, each as of their moment, or as if they had just come."""
        self.network.eval()
        item_vectors = self._item_vectors()
        encoded, histories = self.users.take(valid.users), Histories.empty(len(valid))
        if as_newcomers:
            encoded = replace(encoded, id_code=np.full(len(valid), UNKNOWN))
        else:
            histories = Histories.from_interactions(
                self.events,
                num_users=len(self.dataset.users),
                as_of=valid.moments(len(self.dataset.users)),
                max_length=self.config.max_history,
            ).take(valid.users)
        vectors = encode_users(
            self.network,
            encoded=encoded,
            histories=histories,
            item_vectors=item_vectors,
            item_codes=self.items.categorical,
            directions=self._directions(item_vectors),
        )
        return metrics_of(
            valid, num_items=len(item_vectors), score=lambda rows: vectors[rows] @ item_vectors.T
        )

    def trust_newcomers(self, share: float) -> None:
        """Let the vectors of users who did nothing yet count so much."""
        self.network.user.newcomer_trust = share

    def finish(self) -> TrainedModel:
        """The model as it stands, on the CPU."""
        self.network.eval()
        item_vectors = self._item_vectors()
        directions = self._directions(item_vectors)
        return TrainedModel(
            network=self.network.cpu(),
            users=self.user_spec,
            items=self.item_spec,
            item_ids=self.dataset.items.ids.astype(np.int64),
            item_vectors=item_vectors,
            item_codes=self.items.categorical,
            directions=directions,
            config=self.config.to_dict(),
            history=tuple(self.history),
        )

    def _item_vectors(self) -> np.ndarray:
        self._serve_newcomers()
        return encode_items(self.network, encoded=self.items)

    def _directions(self, item_vectors: np.ndarray) -> np.ndarray:
        return shared_directions(self.network, items=self.all_items, item_vectors=item_vectors)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def users_at_once(config: TrainConfig, *, num_users: int) -> int:
    """The users of a batch: as set, or by the number of users to train on."""
    return min(config.batch_users or int(np.clip(num_users // 4, 256, 512)), max(num_users, 1))
