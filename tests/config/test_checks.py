"""A table of INI files with one mistake or more, and the exact message for each."""

import sys
from dataclasses import replace

import pytest
import torch

from decentralizepy.config.checks import check, check_text
from decentralizepy.config.ini import read
from decentralizepy.config.text import KINDS, REQUIRED, SECTIONS
from decentralizepy.errors import ConfigError
from tests.support.parts import Sharing, Trainer

GOOD = """\
[DATASET]
dataset_package = tests.support.parts
dataset_class = Points
model_class = Net
random_seed = 90
train_dir =
[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.1
[TRAIN_PARAMS]
training_package = tests.support.parts
training_class = Trainer
rounds = 3
full_epochs = False
loss_package = torch.nn
loss_class = CrossEntropyLoss
[COMMUNICATION]
comm_package = tests.support.parts
comm_class = Wire
addresses = ip.json
[SHARING]
sharing_package = tests.support.parts
sharing_class = Partial
step_size = 0.5
"""

PARTIAL = "decentralizepy.sharing.PartialModel\nsharing_class = PartialModel"

SCHEDULER = """\
[LR_SCHEDULER]
scheduler_package = torch.optim.lr_scheduler
scheduler_class = """


def found(folder, written):
    """Return what the checks say of an INI file."""
    path = folder / "config.ini"
    path.write_text(written)
    try:
        check(read(path), "c")
    except ConfigError as error:
        return [str(replace(problem, file="")) for problem in error.problems]
    return []


def test_an_error_names_the_file_in_each_of_its_lines():
    with pytest.raises(ConfigError) as error:
        check({"SHARIN": {}}, "my.ini")
    lines = str(error.value).split("\n")
    assert error.value.exit_status == 2
    assert len(lines) == 7  # one unknown, four missing, two keys missing
    assert all(line.startswith("my.ini: ") for line in lines)


def test_nothing_wrong_is_no_error(tmp_path):
    (tmp_path / "config.ini").write_text(GOOD)
    check(read(tmp_path / "config.ini"), "config.ini")


FINE = {
    "as it is": ("", ""),
    "empty for absent": ("rounds = 3", "rounds ="),
    "0 and 1 for a bool": ("full_epochs = False", "full_epochs = 0"),
    "a whole number for a float": ("lr = 0.1", "lr = 1"),
    "a comment after a value": ("lr = 0.1", "lr = 0.1 ; small"),
    "none, as its default": ("lr = 0.1", "foreach = none"),
    "a function for a loss": (
        "torch.nn\nloss_class = CrossEntropyLoss",
        "torch.nn.functional\nloss = nll_loss",
    ),
    "a parent's option": ("step_size = 0.5", "step_size = 0.5\nfloat_precision = 8"),
    "a path": ("step_size = 0.5", "step_size = 0.5\nfolder = here"),
    "no annotation": ("step_size = 0.5", "step_size = 0.5\nhint = 3"),
    "a child passes it": ("Partial\nstep_size = 0.5", "Fixed"),
    "taken out of kwargs": ("Partial\nstep_size = 0.5", "Popping\ntheta = 3"),
    "any option": ("Partial\nstep_size = 0.5", "Keeping\nanything = 3"),
    "compression": (
        "step_size = 0.5",
        "step_size = 1\ncompress = True\ncompression_package = tests.support.parts\n"
        "compression_class = Net",
    ),
    "compression by itself": ("Partial\nstep_size = 0.5", "Lossless\ncompress = True"),
    "a folder that is there": ("train_dir =", "train_dir = ."),
    "a graph": (
        "[DATASET]",
        "[GRAPH]\ngraph_package = tests.support.parts\ngraph_class = Circle\ndegree = 4\n[DATASET]",
    ),
    "a mapping": (
        "[DATASET]",
        "[MAPPING]\nmapping_package=tests.support.parts\nmapping_class=Places\n[DATASET]",
    ),
    "keys of a node": ("[DATASET]", "[NODE]\ngraph_degree = 3\nK = 4\n[DATASET]"),
    "a node": (
        "[DATASET]",
        "[NODE]\nnode_package = tests.support.parts\nnode_class = Net\n[DATASET]",
    ),
    "keys of a node of the user's own": (
        "[DATASET]",
        "[NODE]\nnode_package = tests.support.parts\nnode_class = Net\nfoo = bar\n[DATASET]",
    ),
    "flags": (
        "[DATASET]",
        "[RUN]\niterations = 80\nprocs_per_machine = 8 8\nlog_level = warn\n"
        "log_dir =\n[DATASET]",
    ),
    "limits": (
        "[DATASET]",
        "[FAULTS]\npeer_timeout = 3\nwarn_after = 0.5\non_peer_loss = abort\n[DATASET]",
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_right_is_let_through(tmp_path, case):
    assert found(tmp_path, GOOD.replace(*FINE[case])) == []


# (what is replaced, by what, what is said)
BAD = [
    # sections
    ("[SHARING]", "[SHARIN]", "section [SHARIN] is unknown; did you mean [SHARING]?"),
    ("[SHARING]", "[sharing]", "section [sharing] is unknown; did you mean [SHARING]?"),
    ("[DATASET]", "[RUNS]\n[DATASET]", "section [RUNS] is unknown; did you mean [RUN]?"),
    (
        "[COMMUNICATION]\ncomm_package = tests.support.parts\ncomm_class = Wire\naddresses = ip.json\n",
        "",
        "section [COMMUNICATION] is missing",
    ),
    # keys that name classes
    ("comm_class = Wire\n", "", "[COMMUNICATION] comm_class: missing"),
    ("comm_class = Wire", "comm_class =", "[COMMUNICATION] comm_class: missing"),
    ("model_class = Net\n", "", "[DATASET] model_class: missing"),
    ("loss_class = CrossEntropyLoss\n", "", "[TRAIN_PARAMS] loss_class: missing"),
    (
        "sharing_package",
        "sharing_pakage",
        "[SHARING] sharing_pakage: not a key of this section; did you mean sharing_package?",
    ),
    (
        "loss_class",
        "loss_clas",
        "[TRAIN_PARAMS] loss_clas: not a key of this section; did you mean loss_class?",
    ),
    (
        "loss_class = CrossEntropyLoss",
        "loss =",
        "[TRAIN_PARAMS] loss: missing",
    ),
    # classes
    (
        "dataset_class = Points",
        "dataset_class = Point",
        "[DATASET] dataset_class = Point: no such class in tests.support.parts; did you mean Points?",
    ),
    (
        "dataset_class = Points",
        "dataset_class = 5",
        "[DATASET] dataset_class = 5: no such class in tests.support.parts",
    ),
    (
        "dataset_class = Points",
        "dataset_class = THRESHOLD",
        "[DATASET] dataset_class = THRESHOLD: no such class in tests.support.parts",
    ),
    (
        "dataset_class = Points",
        "dataset_class = Net",
        "[DATASET] dataset_class = Net: does not take the arguments rank machine_id mapping",
    ),
    (
        "model_class = Net",
        "model_class = net2",
        "[DATASET] model_class = net2: no such class in tests.support.parts; did you mean Net?",
    ),
    (
        "torch.optim",
        "torch.optin",
        "[OPTIMIZER_PARAMS] optimizer_package = torch.optin: no such module; did you mean torch.optim?",
    ),
    (
        "optimizer_class = SGD",
        "optimizer_class = sgd",
        "[OPTIMIZER_PARAMS] optimizer_class = sgd: no such class in torch.optim; did you mean SGD?",
    ),
    (
        "tests.support.parts\ncomm_class",
        "tests.support.part\ncomm_class",
        "[COMMUNICATION] comm_package = tests.support.part: no such module; did you mean tests.support.parts?",
    ),
    (
        "tests.support.parts\ncomm_class",
        "decentralizepy.comm.TCP\ncomm_class",
        "[COMMUNICATION] comm_package = decentralizepy.comm.TCP: no module decentralizepy.comm",
    ),
    (
        "CrossEntropyLoss",
        "CrossEntropy",
        "[TRAIN_PARAMS] loss_class = CrossEntropy: no such class in torch.nn; did you mean CrossEntropyLoss?",
    ),
    (
        "torch.nn\nloss_class = CrossEntropyLoss",
        "torch.nn.functional\nloss = nll_los",
        "[TRAIN_PARAMS] loss = nll_los: no such class in torch.nn.functional; did you mean nll_loss?",
    ),
    (
        "[DATASET]",
        "[NODE]\nnode_package = tests.support.parts\nnode_class = Nett\n[DATASET]",
        "[NODE] node_class = Nett: no such class in tests.support.parts; did you mean Net?",
    ),
    (
        "[DATASET]",
        "[NODE]\nnode_class = Net\n[DATASET]",
        "[NODE] node_package: missing",
    ),
    (
        "[DATASET]",
        "[NODE]\nserver_package = tests.support.parts\n[DATASET]",
        "[NODE] server_class: missing",
    ),
    # keys of a node
    (
        "[DATASET]",
        "[NODE]\ngraph_degre = 3\n[DATASET]",
        "[NODE] graph_degre: not an option of NODE; did you mean graph_degree?",
    ),
    (
        "[DATASET]",
        "[NODE]\nK = many\n[DATASET]",
        "[NODE] k = many: expected a whole number (NODE)",
    ),
    (
        "[DATASET]",
        "[NODE]\nnode_pakage = tests.support.parts\nnode_class = Net\n[DATASET]",
        "[NODE] node_pakage: not a key of this section; did you mean node_package?",
    ),
    # names of options
    (
        "tests.support.parts\nsharing_class = Partial\nstep_size = 0.5",
        f"{PARTIAL}\nalhpa = 0.1",
        "[SHARING] alhpa: not an option of PartialModel; did you mean alpha?",
    ),
    (
        "tests.support.parts\nsharing_class = Partial\nstep_size = 0.5",
        f"{PARTIAL}\ncompres = True",
        "[SHARING] compres: not an option of PartialModel; did you mean compress?",
    ),
    (
        "tests.support.parts\nsharing_class = Partial\nstep_size = 0.5",
        "decentralizepy.sharing.Choco\nsharing_class = Choco\nalpha = 1\nstepsize = 1",
        "[SHARING] stepsize: not an option of Choco; did you mean step_size?",
    ),
    ("lr = 0.1", "lrr = 0.1", "[OPTIMIZER_PARAMS] lrr: not an option of SGD; did you mean lr?"),
    (
        "lr = 0.1",
        "params = 0.1",
        "[OPTIMIZER_PARAMS] params: not an option of SGD; it takes lr, momentum, dampening, "
        "weight_decay, nesterov, maximize, foreach, differentiable, fused",
    ),
    (
        "rounds = 3",
        "rank = 3",
        "[TRAIN_PARAMS] rank: not an option of Trainer; it takes rounds, full_epochs",
    ),
    ("step_size = 0.5\n", "", "[SHARING] step_size: required by Partial"),
    ("addresses = ip.json\n", "", "[COMMUNICATION] addresses: required by Wire"),
    (
        "[DATASET]",
        "[GRAPH]\ngraph_package = tests.support.parts\ngraph_class = Circle\ndegre = 4\n[DATASET]",
        "[GRAPH] degre: not an option of Circle; did you mean degree?",
    ),
    (
        "[DATASET]",
        "[MAPPING]\nmapping_package=tests.support.parts\nmapping_class=Places\nmachines=2\n[DATASET]",
        "[MAPPING] machines: not an option of Places; it takes none",
    ),
    # options of a loss, a scheduler and groups of parameters
    (
        "rounds = 3",
        "loss_lable_smoothing = 0.1",
        "[TRAIN_PARAMS] loss_lable_smoothing: not an option of CrossEntropyLoss; "
        "did you mean loss_label_smoothing?",
    ),
    (
        "rounds = 3",
        "loss_label_smoothing = much",
        "[TRAIN_PARAMS] loss_label_smoothing = much: expected a number (CrossEntropyLoss)",
    ),
    (
        "loss_class = CrossEntropyLoss",
        "loss = CrossEntropyLoss\nloss_ignore_index = 3",
        "[TRAIN_PARAMS] loss_ignore_index: the function loss takes no options",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}StepLr\nstep_size = 3\n[DATASET]",
        "[LR_SCHEDULER] scheduler_class = StepLr: no such class in torch.optim.lr_scheduler; "
        "did you mean StepLR?",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}StepLR\nstep_siz = 3\n[DATASET]",
        "[LR_SCHEDULER] step_siz: not an option of StepLR; did you mean step_size?",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}CosineAnnealingLR\n[DATASET]",
        "[LR_SCHEDULER] T_max: required by CosineAnnealingLR",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}CosineAnnealingLR\nT_max = soon\n[DATASET]",
        "[LR_SCHEDULER] T_max = soon: expected a whole number (CosineAnnealingLR)",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}MultiStepLR\nmilestones = 30 80\n[DATASET]",
        "[LR_SCHEDULER] milestones = 30 80: expected a valid list (MultiStepLR)",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}ExponentialLR\ngamma = 0.9\ninterval = epoch\n[DATASET]",
        "[LR_SCHEDULER] interval = epoch: expected round or step (this section)",
    ),
    (
        "[DATASET]",
        f"{SCHEDULER}ExponentialLR\ngamma = 0.9\n[DATASET]",
        "[LR_SCHEDULER] scheduler_class: Trainer has no method schedule_rates",
    ),
    (
        "lr = 0.1",
        "decay_norm_and_bias = maybe",
        "[OPTIMIZER_PARAMS] decay_norm_and_bias = maybe: expected true or false (this section)",
    ),
    (
        "optimizer_class = SGD",
        "optimizer_class = Rprop\ndecay_norm_and_bias = false",
        "[OPTIMIZER_PARAMS] decay_norm_and_bias: Rprop has no weight_decay",
    ),
    # types of values
    ("lr = 0.1", "lr = abc", "[OPTIMIZER_PARAMS] lr = abc: expected a number (SGD)"),
    ("lr = 0.1", "lr = true", "[OPTIMIZER_PARAMS] lr = true: expected a number (SGD)"),
    ("lr = 0.1", "lr =", "[OPTIMIZER_PARAMS] lr = : expected a number (SGD)"),
    ("lr = 0.1", "lr = none", "[OPTIMIZER_PARAMS] lr = none: expected a number (SGD)"),
    ("lr = 0.1", "lr = 0.1 # x", "[OPTIMIZER_PARAMS] lr = 0.1 # x: expected a number (SGD)"),
    (
        "lr = 0.1",
        "nesterov = 2",
        "[OPTIMIZER_PARAMS] nesterov = 2: expected true or false (SGD)",
    ),
    (
        "full_epochs = False",
        "full_epochs = No thanks",
        "[TRAIN_PARAMS] full_epochs = No thanks: expected true or false (Trainer)",
    ),
    (
        "rounds = 3",
        "rounds = 2.5",
        "[TRAIN_PARAMS] rounds = 2.5: expected a whole number (Trainer)",
    ),
    (
        "rounds = 3",
        "rounds = yes",
        "[TRAIN_PARAMS] rounds = true: expected a whole number (Trainer)",
    ),
    (
        "random_seed = 90",
        "random_seed = 0.5",
        "[DATASET] random_seed = 0.5: expected a whole number (Points)",
    ),
    ("random_seed = 90", "sizes = 3", "[DATASET] sizes = 3: expected text or a valid list (Points)"),
    (
        "random_seed = 90",
        "test_batch_size = big",
        "[DATASET] test_batch_size = big: expected a whole number (Points)",
    ),
    (
        "random_seed = 90",
        "source = train",
        "[DATASET] source = train: expected Train or Test (Points)",
    ),
    (
        "random_seed = 90",
        "partition = 0.5",
        "[DATASET] partition = 0.5: expected text or true or false (Points)",
    ),
    (
        "step_size = 0.5",
        "step_size = 0.5\nalpha = 1.5",
        "[SHARING] alpha = 1.5: expected a number less than or equal to 1 (Partial)",
    ),
    (
        "step_size = 0.5",
        "step_size = 0.5\ndevice = cuda",
        "[SHARING] device = cuda: expected a device, which no INI file can hold (Partial)",
    ),
    (
        "step_size = 0.5",
        "step_size = 0.5\ncompression_class = 3",
        "[SHARING] compression_class = 3: expected text (Partial)",
    ),
    # compression
    (
        "step_size = 0.5",
        "step_size = 0.5\ncompress = True",
        "[SHARING] compress = true: needs compression_package and compression_class",
    ),
    (
        "step_size = 0.5",
        "step_size = 0.5\ncompress = 1\ncompression_package = tests.support.parts",
        "[SHARING] compress = 1: needs compression_class",
    ),
    (
        "step_size = 0.5",
        "step_size = 1\ncompression_package = tests.support.parts\ncompression_class = Elias",
        "[SHARING] compression_class = Elias: no such class in tests.support.parts",
    ),
    # folders
    (
        "train_dir =",
        "train_dir = /no/such",
        "[DATASET] train_dir = /no/such: no such folder (/no/such)",
    ),
    # flags and limits
    ("[DATASET]", "[RUN]\niteratons=5\n[DATASET]", "[RUN] iteratons: no such flag; did you mean iterations?"),
    ("[DATASET]", "[RUN]\niterations=0\n[DATASET]", "[RUN] iterations = 0: expected a whole number from 1 up"),
    (
        "[DATASET]",
        "[RUN]\nworking_rate = 1.5\n[DATASET]",
        "[RUN] working_rate = 1.5: expected a number above 0 and up to 1",
    ),
    (
        "[DATASET]",
        "[FAULTS]\npeer_timout = 3\n[DATASET]",
        "[FAULTS] peer_timout: not an option of FAULTS; did you mean peer_timeout?",
    ),
    (
        "[DATASET]",
        "[FAULTS]\npeer_timeout = 0\n[DATASET]",
        "[FAULTS] peer_timeout = 0: expected a number greater than 0 (FAULTS)",
    ),
    (
        "[DATASET]",
        "[FAULTS]\non_peer_loss = sulk\n[DATASET]",
        "[FAULTS] on_peer_loss = sulk: expected abort or drop or restart (FAULTS)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), BAD)
def test_a_fault_is_one_exact_line(tmp_path, old, new, line):
    assert old in GOOD
    assert found(tmp_path, GOOD.replace(old, new)) == [line]


@pytest.mark.parametrize(
    ("section", "key", "start", "known"),
    [
        ("NODE", "foo", "[NODE] foo: not an option of NODE; it takes ", "graph_degree"),
        ("RUN", "qqq", "[RUN] qqq: no such flag; these are: ", "iterations"),
        ("RUN", "config_file", "[RUN] config_file: no such flag; ", "log_dir"),
    ],
)
def test_a_key_that_is_like_none_gets_a_list(tmp_path, section, key, start, known):
    [line] = found(tmp_path, f"{GOOD}[{section}]\n{key} = 5\n")
    assert line.startswith(start)
    assert f" {known}," in line


@pytest.mark.parametrize("name", REQUIRED)
def test_every_section_is_missed(tmp_path, name):
    text = "\n".join(
        f"[{part}" for part in GOOD.split("\n[") if not part.strip("[").startswith(name)
    ).replace("[[", "[")
    assert found(tmp_path, text) == [f"section [{name}] is missing"]


def test_an_empty_file_lacks_every_section(tmp_path):
    assert found(tmp_path, "") == [f"section [{name}] is missing" for name in REQUIRED]


def test_all_faults_of_the_text_are_told_at_once_and_first(tmp_path):
    written = (
        GOOD.replace("[SHARING]", "[SHARNG]")
        .replace("lr = 0.1", "lr = abc")  # of a class: told when the text is right
        .replace("training_class", "trainin_class")
        .replace("[DATASET]", "[RUN]\nitrations = 5\n[DATASET]")
    )
    assert found(tmp_path, written) == [
        "section [SHARNG] is unknown; did you mean [SHARING]?",
        "[RUN] itrations: no such flag; did you mean iterations?",
        "[TRAIN_PARAMS] trainin_class: not a key of this section; did you mean "
        "training_class?",
    ]


def test_all_faults_of_the_classes_are_told_at_once_and_each_once(tmp_path):
    written = (
        GOOD.replace("step_size", "stepsize")
        .replace("lr = 0.1", "lr = abc")
        .replace(
            "tests.support.parts\ndataset_class", "tests.support.partts\ndataset_class"
        )
    )
    assert found(tmp_path, written) == [
        "[DATASET] dataset_package = tests.support.partts: no such module; did you mean tests.support.parts?",
        "[OPTIMIZER_PARAMS] lr = abc: expected a number (SGD)",
        "[SHARING] step_size: required by Partial",
    ]


def test_what_a_class_of_the_users_own_does_not_name_is_warned_of(tmp_path, capsys):
    written = GOOD.replace("Partial\nstep_size = 0.5", "Popping\ncompres = 3")
    assert found(tmp_path, written) == []
    assert capsys.readouterr().err == (
        "warning: c: [SHARING] compres: not an option that Popping names; it is passed "
        "on; did you mean compress?\n"
    )


class Keeping:
    """Asks for what its children pass it by keyword."""

    def __init__(self, model, *, log_dir, rounds: int = 1):
        self.log_dir = log_dir


class Passing(Keeping):
    def __init__(
        self, rank, machine_id, mapping, model, optimizer, loss, log_dir, **options
    ):
        super().__init__(model, log_dir=log_dir, **options)


class Positional(Trainer):
    def __init__(self, rank, machine_id, mapping, *rest, mu: float = 0.1, **options):
        super().__init__(rank, machine_id, mapping, *rest, **options)


@pytest.mark.parametrize("name", ["Passing", "Positional"])
def test_what_the_node_passes_is_not_required_of_the_file(tmp_path, name):
    new = f"training_package = {__name__}\ntraining_class = {name}\n"
    old = "training_package = tests.support.parts\ntraining_class = Trainer\n"
    written = GOOD.replace(old, new).replace("full_epochs = False\n", "")
    assert found(tmp_path, written) == []


FORK = """
[ALGORITHM]
name = x
[VARS]
[CUDA]
[ASYNC_PARAMS]
[WEIGHTS]
[NODE]
node_package = tests.support.faulty
node_class = Node
tau = 5
graph_degree = 3
"""


def test_sections_and_keys_of_a_fork_are_warned_of_in_one_line(tmp_path, capsys):
    path = tmp_path / "run.ini"
    path.write_text(GOOD + FORK)
    check_text(read(path), "c")
    assert capsys.readouterr().err == (
        "warning: c: [ALGORITHM], [VARS], [CUDA], [ASYNC_PARAMS], [WEIGHTS], "
        "[NODE] tau: read by nothing in this package; your own classes get it\n"
    )


def test_a_section_that_is_nearly_a_known_one_stays_an_error(tmp_path):
    assert found(tmp_path, GOOD + "[ALGORITHM]\n[FAULT]\n") == [
        "section [FAULT] is unknown; did you mean [FAULTS]?"
    ]


def test_what_is_written_is_left_as_it_is(tmp_path):
    """And so nothing that a run knows reaches its user's file by that way."""
    (tmp_path / "c.ini").write_text(GOOD)
    config = read(tmp_path / "c.ini")
    parts = check(config, "c.ini")
    assert config == read(tmp_path / "c.ini")
    assert parts["SHARING"].options == {"step_size": 0.5}
    assert parts.model_class.__name__ == "Net"


class Counted(Sharing):
    """Counts how often it is asked whether its options fit."""

    prepared = 0

    @classmethod
    def prepare(cls, **options):
        cls.prepared += 1
        raise ConfigError("too few", key="level", value=options["level"])

    def __init__(self, *parts, level: int = 3, **options):
        super().__init__(*parts, **options)


def test_a_class_is_asked_once_and_its_error_gets_its_place(tmp_path):
    written = GOOD.replace(
        "tests.support.parts\nsharing_class = Partial\nstep_size = 0.5",
        f"{__name__}\nsharing_class = Counted\nlevel = 2",
    )
    before = sys.modules[__name__].Counted.prepared
    assert found(tmp_path, written) == ["[SHARING] level = 2: too few"]
    assert sys.modules[__name__].Counted.prepared == before + 1


class Picky(torch.optim.SGD):
    """Wants more of its parameters than a trial has."""

    def __init__(self, params, lr: float = 0.1):
        super().__init__(params, lr)
        if sum(group["params"][0].numel() for group in self.param_groups) < 10:
            raise ValueError("too few parameters")


class Tried(Trainer):
    """Has something else than our ``prepare``; nobody is to call it."""

    def prepare(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch.optim\noptimizer_class = SGD", f"{__name__}\noptimizer_class = Picky"),
        (
            "tests.support.parts\ntraining_class = Trainer",
            f"{__name__}\ntraining_class = Tried",
        ),
        *(("SGD", name) for name in ("Adam", "AdamW", "Adagrad", "RMSprop")),
    ],
)
def test_what_may_be_right_is_not_refused(tmp_path, old, new):
    assert old in GOOD
    assert found(tmp_path, GOOD.replace(old, new)) == []


def test_an_optimizer_is_made_with_its_options(tmp_path):
    told = "[OPTIMIZER_PARAMS] optimizer_class = SGD: Invalid learning rate: -0.5"
    assert found(tmp_path, GOOD.replace("lr = 0.1", "lr = -0.5")) == [told]


def test_a_folder_is_shown_as_given_and_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = GOOD.replace("train_dir =", "train_dir = ./data")
    line = f"[DATASET] train_dir = ./data: no such folder ({tmp_path}/data)"
    assert found(tmp_path, text) == [f"{line}, nor one beside the INI file"]


def test_every_part_is_a_known_section():
    assert set(KINDS) <= set(SECTIONS)
    assert set(REQUIRED) <= set(KINDS)
