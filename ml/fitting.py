"""One fit of new towers to some events: batches of users against the catalogue, checked as it goes."""

# B = users of the batch, C = candidate items, I = items, D = embedding dimension

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ml.artifacts import save_checkpoint
from ml.config import TrainConfig
from ml.data import Dataset, Histories, Interactions
from ml.evaluation import HeldOut
from ml.features import UNKNOWN, FeatureSpec, concatenate
from ml.losses import Pairs, softmax_loss
from ml.metrics import rank_metrics, top_k
from ml.model import TrainedModel, blank_user, encode_items, encode_users, shared_directions
from ml.sampling import CandidateSampler, HidingPlan, UserBatch, UserPairs, draw_batch
from ml.towers import EntityBatch, HistoryBatch, TwoTower

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
        self.network = TwoTower(
            users=self.user_spec,
            items=self.item_spec,
            dim=config.embedding_dim,
            width=config.content_width,
            dim_ratio=config.dim_ratio,
        )
        self.network.to(self.device)
        self._start_from_popularity(popularity)
        self._silence_unstated_values()
        self.sampled = len(dataset.items) > config.full_softmax_limit
        self.sampler = CandidateSampler(
            popularity=popularity, num_samples=config.num_samples, popular_share=config.popular_share
        )
        self.all_items = EntityBatch.from_encoded(self.items, device=self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.history: list[dict[str, float]] = []

    def run(self, epochs: int, *, hooks: Hooks, stage: str, valid: HeldOut | None = None) -> int:
        """The best epoch, whose weights stay: the last of `epochs`, or the best on the validation users."""
        best, best_epoch, best_state = -1.0, epochs, None
        for epoch in range(1, epochs + 1):
            entry = {"epoch": float(epoch), "loss": self._epoch(hooks)}
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

    def _epoch(self, hooks: Hooks) -> float:
        users = self.rng.permutation(self.pairs.trainable_users)
        batch_users = self.config.batch_users or int(np.clip(len(users) // 4, 256, 512))
        plan = HidingPlan(
            history_drop=self.config.history_drop,
            next_share=self.config.next_share,
            hide_share=self.config.hide_share,
            recent_half_life_days=self.config.recent_half_life_days,
        )
        losses = []
        self.network.train()
        # Equal parts: a rest of two users would be a step as large and far noisier than the others.
        for part in np.array_split(users, -(-len(users) // batch_users)):
            hooks.check()
            batch = draw_batch(self.pairs, users=part, plan=plan, rng=self.rng)
            loss = self._loss(batch)
            self.optimizer.zero_grad(set_to_none=True)
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
            rank=self._tensor(_ranks(batch.history_offsets)),
        )
        user_BD = self.network.user.encode(
            profile,
            history=history,
            item_vectors=vector_ID,
            directions=self.network.user.shared.directions(items, item_vectors=vector_ID),
            id_code=id_code,
        )
        pairs = Pairs(
            row=self._tensor(batch.target_row),
            column=self._tensor(place(batch.target_item)),
            weight=self._tensor(batch.target_weight),
            row_weight=self._tensor(batch.row_weight),
            hidden_row=self._tensor(batch.history_row),
            hidden_column=self._tensor(place(batch.history_item)),
            negative_row=self._tensor(batch.negative_row),
            negative_column=self._tensor(place(batch.negative_item)),
        )
        return softmax_loss(
            user_BD,
            item_CD=vector_ID,
            bias_C=bias_I,
            pairs=pairs,
            temperature=self.config.temperature,
            log_q_C=log_q,
            dislike_weight=self.config.dislike_weight,
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
        vector_CD, bias_C = self.network.item.encode(items, id_code=self._tensor(id_code))
        if candidates is None:
            return items, vector_CD, bias_C, lambda item_index: item_index
        return items, vector_CD, bias_C, lambda item_index: np.searchsorted(candidates, item_index)

    def _profiles(self, users: np.ndarray) -> tuple[EntityBatch, torch.Tensor]:
        """The users' profiles, some as if they were guests, and id codes, some as if they were new."""
        as_guest = self.rng.random(len(users)) < self.config.profile_dropout
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

    def _silence_unstated_values(self) -> None:
        """Let values that nobody stated say nothing, but for where the items that have them point."""
        if self.user_spec.num_multi:
            stated = np.bincount(self.users.multi_code, minlength=self.user_spec.num_multi) > 0
            with torch.no_grad():
                self.network.user.profile.multi.weight[torch.from_numpy(~stated)] = 0.0

    def validate(self, valid: HeldOut) -> dict[str, float]:
        """Mean metrics at 20 on the held-out users, as of the cut."""
        self.network.eval()
        item_vectors = self._item_vectors()
        histories = Histories.from_interactions(
            self.events,
            num_users=len(self.dataset.users),
            as_of=valid.cut,
            max_length=self.config.max_history,
        ).take(valid.users)
        vectors = encode_users(
            self.network,
            encoded=self.users.take(valid.users),
            histories=histories,
            item_vectors=item_vectors,
            directions=self._directions(item_vectors),
        )
        scores = vectors @ item_vectors.T
        scores[valid.seen.rows(), valid.seen.items] = -np.inf
        metrics = rank_metrics(top_k(scores, k=20), positives=valid.positives, k=20)
        return {name: float(values.mean()) for name, values in metrics.items()}

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
            directions=directions,
            config=self.config.to_dict(),
            history=tuple(self.history),
        )

    def _item_vectors(self) -> np.ndarray:
        return encode_items(self.network, encoded=self.items, temperature=self.config.temperature)

    def _directions(self, item_vectors: np.ndarray) -> np.ndarray:
        return shared_directions(self.network, items=self.all_items, item_vectors=item_vectors)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def prepare_torch(config: TrainConfig) -> torch.device:
    """The device to train on, with torch seeded, its threads set and denormals, which slow a CPU, flushed."""
    torch.manual_seed(config.seed)
    torch.set_flush_denormal(True)
    # A step is many small operations: on two cores one thread took 0.18 s an epoch of 100,000 events, two
    # took 0.4 s, and 5.9 s beside a busy process, since every operation then waits for the slower thread.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or 1)
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise ValueError("device is cuda, but torch sees no CUDA device; use auto or cpu.")
    return torch.device("cuda" if cuda and config.device != "cpu" else "cpu")


def _ranks(offsets: np.ndarray) -> np.ndarray:
    """For each entry of a CSR structure its distance from the end of its row."""
    sizes = np.diff(offsets)
    return (np.repeat(offsets[1:], sizes) - 1 - np.arange(offsets[-1])).astype(np.float32)
