"""The loops that are compared. Each trains the same network on the same images, an epoch a call."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch
from repatlas.models.registry import build
from repatlas.training.device import choose
from repatlas.training.evaluate import logits
from repatlas.training.loop import Training
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from training_cases.data import arrays, pictures
from training_cases.sizes import Sizes

# Mean and standard deviation of CIFAR-10 as kuangliu/pytorch-cifar normalises with them.
MEANS, DEVIATIONS = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
NEVER = 10**6


def spec(sizes: Sizes, threads: int, precision: str = "float32") -> dict[str, Any]:
    """The paper's training of the network that is timed, without evaluations."""
    model = {"architecture": "resnet", "depth": sizes.depth, "width": sizes.width}
    training = {
        "epochs": NEVER,
        "batch_size": sizes.batch,
        "learning_rate": 0.01,
        "schedule": "cosine",
        "momentum": 0.9,
        "l2": 0.001,
        "crop_padding": 4,
        "flip": True,
        "evaluate_every": NEVER,
        "precision": precision,
        "threads": threads,
    }
    data = {"dataset": {"source": "cifar10"}, "fraction": 1, "evaluate_on": "test"}
    model |= {"init": "he_normal", "bn_momentum": 0.01}
    return {"data": data, "model": model, "training": training, "seed": 0}


def as_users_have_it(device: str, threads: int) -> torch.device:
    """The device with torch's own settings and, as kuangliu/pytorch-cifar has it, with cuDNN's
    search for the fastest convolutions: on a GPU nothing is repeatable, and convolutions use TF32
    where it has it. On a CPU no different from what `Ours` computes with."""
    chosen = choose(device, threads)
    if chosen.type == "cuda":
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.conv.fp32_precision = "tf32"
    return chosen


class Ours:
    """repatlas' own loop, from shuffling to the row of the learning curve."""

    def __init__(self, sizes: Sizes, n: int, device: str, threads: int, precision: str = "float32"):
        self.settings = device, threads, precision
        chosen = choose(*self.settings)
        self.training = Training(
            spec(sizes, threads, precision), arrays(pictures(sizes, n)), chosen
        )

    def __call__(self) -> None:
        choose(*self.settings)
        self.training.run_epoch()

    def evaluate(self) -> None:
        """Logits of all images, as after an epoch."""
        # Not by the training itself, which knows the logits of an epoch that it has evaluated.
        logits(self.training.network, self.training.test_images, self.training.device)


class Bare:
    """The limit: forward pass, backward pass and step, again and again on one batch that lies on
    the device, by the network and the optimiser that `Ours` has. `graphed` replays the step as a
    CUDA graph, so that nothing waits for the host; `compiled` has torch.compile make one program of
    the network; `free` computes as users have it, on a GPU not repeatable."""

    def __init__(
        self,
        sizes: Sizes,
        n: int,
        device: str,
        threads: int,
        precision: str = "float32",
        graphed: bool = False,
        compiled: bool = False,
        free: bool = False,
    ):
        self.settings = device, threads, precision
        self.free = free
        chosen = self._choose()
        settings = spec(sizes, threads, precision)
        training = Training(settings, arrays(pictures(sizes, sizes.batch)), chosen)
        self.network, self.optimiser = training.network, training.optimiser
        self.network.train()
        self.images, self.labels = next(training.batches.epoch(0))
        if compiled:
            self.network = torch.compile(self.network)
        self.steps, self.device, self.half = n // sizes.batch, chosen, precision == "bfloat16"
        self.loss = torch.zeros(())
        self.step: Callable = _graph(self._step) if graphed else self._step

    def _choose(self) -> torch.device:
        return as_users_have_it(*self.settings[:2]) if self.free else choose(*self.settings)

    def __call__(self) -> None:
        self._choose()
        for _ in range(self.steps):
            self.step()
        self.loss.item()

    def _step(self) -> None:
        self.optimiser.sgd.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            output = self.network(self.images)
        loss = functional.cross_entropy(output.float(), self.labels)
        loss.backward()
        # Not the loss itself, which would keep what a graph was recorded from.
        self.loss = loss.detach()
        self.optimiser.sgd.step()

    def forward(self) -> None:
        """Forward passes alone, as many as an epoch has steps."""
        with torch.inference_mode():
            for _ in range(self.steps):
                output = self.network(self.images)
        output.sum().item()


def _graph(step: Callable) -> Callable:
    """`step`, recorded once and replayed; CUDA only."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Loader:
    """The loop of kuangliu/pytorch-cifar, the best known of the CIFAR repositories: each image is
    cropped, flipped, made a tensor and normalised on its own by the workers of a DataLoader, and
    the loss and the number of hits are read after each step. Left out is its progress bar."""

    def __init__(
        self, sizes: Sizes, n: int, device: str, threads: int, channels_last: bool = False
    ):
        self.settings = device, threads
        self.device = as_users_have_it(*self.settings)
        self.loader = loader(sizes, n, self.device)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network(sizes).to(device=self.device, memory_format=self.layout).train()
        self.criterion = nn.CrossEntropyLoss()
        self.optimiser = torch.optim.SGD(
            self.network.parameters(), lr=0.01, momentum=0.9, weight_decay=0.002
        )

    def __call__(self) -> None:
        as_users_have_it(*self.settings)
        loss_sum, hits = 0.0, 0
        for images, labels in self.loader:
            images = images.to(self.device, memory_format=self.layout)
            labels = labels.to(self.device)
            self.optimiser.zero_grad()
            outputs = self.network(images)
            loss = self.criterion(outputs, labels)
            loss.backward()
            self.optimiser.step()
            loss_sum += loss.item()
            hits += outputs.max(1)[1].eq(labels).sum().item()


class Lightning:
    """The same network and DataLoader in PyTorch Lightning, without its progress bar, log and
    checkpoints; a call includes the 0.1 s in which a Trainer makes itself ready."""

    def __init__(self, sizes: Sizes, n: int, device: str, threads: int):
        import pytorch_lightning

        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
        self.lightning = pytorch_lightning
        self.settings = device, threads
        chosen = as_users_have_it(*self.settings)
        self.loader = loader(sizes, n, chosen)
        self.module = _module(pytorch_lightning, network(sizes))

    def __call__(self) -> None:
        as_users_have_it(*self.settings)
        trainer = self.lightning.Trainer(
            accelerator="gpu" if self.settings[0].startswith("cuda") else "cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(self.module, self.loader)


def _module(lightning: Any, net: nn.Module) -> Any:
    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = net

        def training_step(self, batch: Any, _number: int) -> torch.Tensor:
            images, labels = batch
            loss = functional.cross_entropy(self.network(images), labels)
            self.log("train_loss", loss, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9, weight_decay=0.002)

    return Module()


def loader(sizes: Sizes, n: int, device: torch.device) -> DataLoader:
    """torchvision's transforms behind a DataLoader with the settings of kuangliu/pytorch-cifar. Its
    workers stay from epoch to epoch: timed epochs are short, and starting them would weigh more
    than in an epoch of the whole set."""
    from torchvision import transforms

    # It advises against more workers than cores; so many are what users have.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    source = pictures(sizes, n)
    source.transform = transforms.Compose(
        [
            transforms.RandomCrop(sizes.side, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEANS, DEVIATIONS),
        ]
    )
    return DataLoader(
        source,
        batch_size=sizes.batch,
        shuffle=True,
        num_workers=sizes.workers,
        drop_last=True,
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )


def network(sizes: Sizes) -> nn.Module:
    """The network that `Ours` trains, in torch's default layout."""
    shape = (3, sizes.side, sizes.side)
    return build(spec(sizes, 1)["model"], shape, 10, torch.Generator().manual_seed(0))
