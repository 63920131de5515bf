"""The data sets known by name: shapes, classes and sizes, to be described without being read."""

from repatlas.data.content import Description

DIGITS_TEST = 512

_NUMERALS = tuple("0123456789")

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"

_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""

_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

KNOWN: dict[str, Description] = {
    "digits": Description((1, 8, 8), _NUMERALS, 1797 - DIGITS_TEST, DIGITS_TEST),
    "cifar10": Description((3, 32, 32), tuple(_CIFAR10.split()), 50_000, 10_000),
    "cifar100": Description((3, 32, 32), tuple(_CIFAR100.split()), 50_000, 10_000),
    "mnist": Description((1, 28, 28), _NUMERALS, 60_000, 10_000),
    "fashion-mnist": Description((1, 28, 28), _FASHION, 60_000, 10_000),
}
