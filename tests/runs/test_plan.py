from sysid_tbptt.runs.plan import make_plan
from tests.conftest import config_of


def test_a_cluster_has_one_queue_and_this_machine_one_a_kind_of_worker():
    deep = {"num_layers": 2}  # on the reference engine, in processes
    configs = [config_of(dataset="sim_linear", split="paper", seed=s, **kind) for kind in ({}, deep) for s in (0, 1)]
    plan = make_plan(configs, engine="auto", store=None)
    seconds = {run.run_id: float(k) for k, run in enumerate(plan.runs)}
    assert sorted(map(sorted, plan.queues(seconds, on_cluster=False))) == [[0.0, 1.0], [2.0, 3.0]]
    (queue,) = plan.queues(seconds, on_cluster=True)
    assert sorted(queue) == [0.0, 1.0, 2.0, 3.0]
