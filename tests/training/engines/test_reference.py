import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from sysid_tbptt.errors import EngineError
from sysid_tbptt.training.engines import reference
from sysid_tbptt.training.job import Control, Interrupted

BLOCK = 1  # with at most 400 steps the loss curve has a point a step


class Windows(Dataset):
    """The subsequences as the reference experiment has them."""

    def __init__(self, u, y, seq_len):
        self.u, self.y, self.seq_len = torch.from_numpy(u), torch.from_numpy(y), seq_len

    def __len__(self):
        return len(self.u) - self.seq_len + 1

    def __getitem__(self, i):
        return self.u[i : i + self.seq_len], self.y[i : i + self.seq_len]


def loop_of_the_reference_experiment(job, optimiser=torch.optim.Adam):
    """Losses of each step: DataLoader, torch's own modules, Adam, written without this package."""
    config = job.config
    torch.manual_seed(config.seed)
    cell = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[config.model]
    rnn = cell(job.u.shape[1], config.hidden_size, config.num_layers, batch_first=True)
    readout = torch.nn.Linear(config.hidden_size, job.y.shape[1])
    windows = Windows(job.u, job.y, config.seq_len)
    loader = DataLoader(windows, batch_size=config.batch_size, shuffle=True, drop_last=True)
    adam = optimiser([*rnn.parameters(), *readout.parameters()], lr=config.learning_rate)
    losses = []
    while True:
        for u, y in loader:
            error = readout(rnn(u)[0])[:, config.burn_in :] - y[:, config.burn_in :]
            loss = error.square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item())
            if len(losses) == config.steps:
                return losses


def trained(job, control=None):
    return reference.train(job, control or Control())


@pytest.mark.parametrize("burn_in", [0, 7, 20], ids=["m=0", "m=7", "m=N-1"])
@pytest.mark.parametrize(("model", "num_layers"), [("lstm", 1), ("gru", 1), ("rnn", 1), ("lstm", 2)])
def test_losses_of_200_steps_equal_the_reference_experiments_own_loop(model, num_layers, burn_in, job):
    run = job(
        model=model, num_layers=num_layers, seq_len=21, burn_in=burn_in, steps=200, learning_rate=1e-2, n_u=2, n_y=3
    )
    assert np.allclose(trained(run).curve, loop_of_the_reference_experiment(run), rtol=1e-6, atol=0)


def test_losses_on_the_real_silverbox_equal_the_reference_experiments_own_loop(job, real_data):
    from sysid_tbptt.registry import load_dataset

    data = load_dataset("silverbox", "paper")
    run = job(data=data, hidden_size=8, seq_len=100, burn_in=94, batch_size=100, learning_rate=1e-4, steps=200)
    assert np.allclose(trained(run).curve, loop_of_the_reference_experiment(run), rtol=1e-6, atol=0)


def test_burn_in_leaves_the_first_outputs_out_of_the_loss(job):
    run = job(burn_in=11, steps=1)
    first, second = trained(run), trained(job(burn_in=0, steps=1))
    windows = run.starts[next(run.order.epochs())[0]]
    u = torch.from_numpy(np.stack([run.u[s : s + 12] for s in windows]))
    y = np.stack([run.y[s : s + 12] for s in windows])
    error = (run.module(u).detach().numpy() - y) ** 2
    assert np.isclose(first.curve[0], error[:, 11:].mean(), rtol=1e-5)
    assert np.isclose(second.curve[0], error.mean(), rtol=1e-5)


def test_gradient_flows_through_the_burn_in(job):
    """With m = N-1 the earlier inputs still matter: a network that forgot them would keep its recurrent weights."""
    run = job(burn_in=11, steps=1, learning_rate=0.1)
    weights = trained(run).weights
    assert not np.allclose(weights["rnn.weight_hh_l0"], run.weights()["rnn.weight_hh_l0"], atol=0.05)


def stateful_by_hand(job, n_epochs):
    """Every window's state handed to the window that starts N samples later, window by window."""
    config, module = job.config, job.module
    adam = torch.optim.Adam(module.parameters(), lr=config.learning_rate)
    u, y, losses = torch.from_numpy(job.u), torch.from_numpy(job.y), []
    for _ in range(n_epochs):
        after = {}
        for k in range(job.order.steps_per_epoch):
            windows = range(k * config.batch_size, (k + 1) * config.batch_size)
            outputs = []
            for s in windows:
                y_hat, state = module.forward_from(u[None, s : s + config.seq_len], after.get(s - config.seq_len))
                after[s] = tuple(part.detach() for part in state)
                outputs.append(y_hat[0])
            loss = sum(
                (out - y[s : s + config.seq_len]).square().mean() for s, out in zip(windows, outputs, strict=True)
            )
            loss = loss / config.batch_size
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item())
    return losses


def test_stateful_hands_each_state_to_the_window_that_starts_where_it_ended(job):
    run = job(lengths=(70,), init_mode="carry", seq_len=16, batch_size=4, burn_in=0, steps=26, learning_rate=1e-2)
    assert run.order.steps_per_epoch == 13
    assert np.allclose(trained(run).curve, stateful_by_hand(run, 2), rtol=1e-5)


def test_full_bptt_sees_the_whole_record_in_every_step(job):
    run = job(lengths=(60,), seq_len=60, batch_size=1, burn_in=0, steps=3, learning_rate=1e-2)
    assert np.allclose(trained(run).curve, loop_of_the_reference_experiment(run), rtol=1e-6)


def scheduled_by_torch(job, scheduler):
    module, config = job.module, job.config
    adam = torch.optim.Adam(module.parameters(), lr=config.learning_rate)
    schedule = scheduler(adam)
    u, y, losses = torch.from_numpy(job.u), torch.from_numpy(job.y), []
    epochs = job.order.epochs()
    while len(losses) < config.steps:
        for windows in next(epochs):
            rows = torch.from_numpy(job.starts[windows][:, None] + np.arange(config.seq_len))
            loss = (module(u[rows])[:, config.burn_in :] - y[rows][:, config.burn_in :]).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's schedulers warn of a step past the last
                schedule.step()
            losses.append(loss.item())
    return losses[: config.steps]


@pytest.mark.parametrize(
    ("changes", "scheduler"),
    [
        ({"lr_schedule": "cosine"}, lambda adam: torch.optim.lr_scheduler.CosineAnnealingLR(adam, 36)),
        (
            {"lr_schedule": "step", "lr_stages": 3, "lr_factor": 0.1},
            lambda adam: torch.optim.lr_scheduler.StepLR(adam, 12, gamma=0.1),
        ),
    ],
    ids=["cosine", "step"],
)
def test_schedule_is_torchs(changes, scheduler, job):
    run = job(steps=36, learning_rate=0.05, **changes)
    losses = trained(run).curve
    assert np.allclose(losses, scheduled_by_torch(run, scheduler), rtol=1e-4)
    assert not np.allclose(losses[20:], trained(job(steps=36, learning_rate=0.05)).curve[20:], rtol=1e-3)


def test_weight_decay_is_adamw(job):
    run = job(weight_decay=0.5, learning_rate=1e-2, steps=40)

    def adamw(parameters, lr):
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.5)

    assert np.allclose(trained(run).curve, loop_of_the_reference_experiment(run, adamw), rtol=1e-6)


def test_clipping_bounds_the_step_of_the_first_moment(job):
    captured = {}

    def save(state):
        captured.update(state)
        raise Interrupted

    control = Control(checkpoint_due=lambda: True, save=save)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(reference, "_TURN_SECONDS", -1.0)
        trained(job(clip_norm=1e-3), control)
    gradient = np.concatenate([a.ravel() for name, a in captured.items() if name.startswith("exp_avg.")]) / 0.1
    assert np.isclose(np.linalg.norm(gradient), 1e-3, rtol=1e-3)


def test_input_noise_changes_the_training_and_repeats_itself(job):
    noisy = job(input_noise=0.3)
    assert trained(noisy).curve == trained(noisy).curve
    assert trained(noisy).curve != trained(job()).curve


def test_best_weights_are_those_of_the_best_validation(job):
    run = job(steps=100, validate_every=10, learning_rate=0.1)
    result = trained(run)
    assert len(result.validation) == 10
    assert result.best_step == 10 * (1 + int(np.argmin(result.validation)))
    simulate = reference.simulator(run, result.weights)
    mse = np.mean([np.mean((simulate(u, y[:0]) - y) ** 2) for u, y in run.val])
    assert np.isclose(mse, min(result.validation), rtol=1e-5)


def test_early_stop_when_patience_ends(job):
    result = trained(job(steps=400, validate_every=5, patience=2, learning_rate=0.3))
    assert result.steps_done < 400
    assert min(result.validation) < min(result.validation[-2:])
    assert result.best_step == result.steps_done - 10


def test_divergence_is_told_with_its_step(job):
    result = trained(job(learning_rate=1e30, steps=50))
    assert result.status == "diverged"
    assert 1 < result.steps_done < 50


def interrupted_at(job, step, monkeypatch):
    """The state of a run that was asked to stop after ``step`` steps."""
    monkeypatch.setattr(reference, "_TURN_SECONDS", -1.0)
    saved, at = {}, {"step": 0}
    control = Control(
        progress=lambda done: at.update(step=done), stopping=lambda: at["step"] >= step, save=saved.update
    )
    with pytest.raises(Interrupted):
        trained(job, control)
    return saved


@pytest.mark.parametrize("step", [1, 17, 36, 90])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input_noise": 0.1, "validate_every": 7, "lr_schedule": "cosine"},
        {"init_mode": "carry", "seq_len": 16, "batch_size": 4, "burn_in": 0, "model": "gru"},
        {"weight_decay": 0.1, "clip_norm": 0.1, "model": "rnn"},
    ],
    ids=["plain", "noise and validation", "stateful gru", "decay and clipping"],
)
def test_resumed_run_is_the_same_to_the_bit(changes, step, job, monkeypatch):
    run = job(steps=100, learning_rate=1e-2, **changes)
    whole = trained(run)
    resumed = trained(run, Control(resume=interrupted_at(run, step, monkeypatch)))
    assert (resumed.curve, resumed.validation, resumed.last100_mean) == (
        whole.curve,
        whole.validation,
        whole.last100_mean,
    )
    assert all(np.array_equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)


def test_a_dropout_model_resumes_to_the_bit_too(job, monkeypatch):
    class Dropping(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Linear(3, 3)
            self.net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))

        def forward(self, u):
            return self.net(u)

    run = job(steps=60)
    object.__setattr__(run, "module", Dropping())
    resumed = trained(run, Control(resume=interrupted_at(run, 23, monkeypatch)))
    assert resumed.curve == trained(run).curve


@pytest.mark.parametrize("step", [1, 24])
def test_a_model_that_draws_from_numpy_and_python_resumes_to_the_bit_too(step, job, monkeypatch):
    run = job(steps=60, model="tests.training.modules:NoisyTraining")
    whole = trained(run).curve
    np.random.rand()  # noqa: NPY002 - what the caller draws does not matter
    assert trained(run).curve == whole
    assert trained(run, Control(resume=interrupted_at(run, step, monkeypatch))).curve == whole


def test_a_checkpoint_of_torchs_generator_alone_is_still_taken(job, monkeypatch):
    run = job(steps=60)
    state = interrupted_at(run, 24, monkeypatch)
    earlier = {name: array for name, array in state.items() if name not in ("rng.numpy", "rng.python")}
    assert len(earlier) == len(state) - 2
    assert trained(run, Control(resume=earlier)).curve == trained(run).curve


def test_threads_flags_and_random_numbers_are_left_as_they_were(job):
    torch.set_flush_denormal(False)
    torch.manual_seed(3)
    before = torch.get_num_threads(), torch.get_rng_state()
    trained(job())
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert float(torch.tensor(1e-40) * 1.0) != 0


def test_denormals_are_flushed_while_training(job):
    seen = []
    control = Control(progress=lambda _: seen.append(float(torch.tensor(1e-40) * 1.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_TURN_SECONDS", -1.0)
        trained(job(steps=3), control)
    assert seen == [0.0, 0.0, 0.0]


def test_what_cannot_be_taken_is_declined_with_the_reason(job):
    stateful = job(init_mode="carry", seq_len=16, burn_in=0)
    object.__setattr__(stateful, "module", torch.nn.Linear(1, 1))
    assert "forward_from" in reference.declines(stateful)
    assert reference.declines(job()) is None
    assert "no parameter" in reference.declines(job(model="mean"))
    with pytest.raises(EngineError, match="forward_from"):
        trained(stateful)


def test_initial_weights_of_the_job_are_not_changed(job):
    run = job()
    before = run.weights()
    trained(run)
    assert all(np.array_equal(before[name], array) for name, array in run.weights().items())
