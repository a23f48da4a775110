"""Search spaces, width strings and specs: what they hold, and what is refused with which words."""

import dataclasses
import itertools
import json
from collections import Counter

import pytest

from ganc.base.errors import SpecError
from ganc.base.rng import keyed_generator
from ganc.models.family import format_widths
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES, parse_space
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec, parse_widths, spec_from_json
from ganc.models.task import CYCLEGAN, Pairing, Task

SIZES = {"channels-32": 6_561, "channels-48": 5_184, "channels-64-cyclegan": 390_625, "channels-64-pix2pix": 5_764_801}
CUSTOM = "32,24/16/32,8/4/4,2/4/16,12,8/6"


@pytest.mark.parametrize("name", SIZES)
def test_named_spaces_have_the_published_sizes_and_choices(name):
    space = parse_space(name)
    assert len(space) == SIZES[name]
    assert space.text == name
    assert space == NAMED_SPACES[name]
    assert space.largest == (int(name.split("-")[1]),) * 8
    assert parse_space("/".join(",".join(map(str, widths)) for widths in space.choices)).choices == space.choices


def test_the_uneven_named_space_is_the_published_one():
    ends, middle, ups = (48, 32), (48, 40, 32), (48, 32, 24, 16)
    assert parse_space("channels-48").choices == (ends, ends, middle, middle, middle, middle, ups, ups)


def test_a_custom_space_is_walked_from_its_largest_to_its_smallest():
    space = parse_space(CUSTOM)
    assert space.choices == ((32, 24), (16,), (32, 8), (4,), (4, 2), (4,), (16, 12, 8), (6,))
    walked = list(space)
    assert len(space) == len(walked) == len(set(walked)) == 24
    assert walked == list(itertools.product(*space.choices))
    assert (walked[0], walked[-1]) == (space.largest, space.smallest)
    assert all(widths in space for widths in walked)
    assert (24, 16, 32, 4, 4, 4, 12, 7) not in space
    assert (24, 16, 32, 4) not in space


def test_the_order_and_repetition_of_a_custom_space_s_widths_do_not_matter():
    one, other = parse_space("/".join(["16,32,24,32"] * 8)), parse_space("/".join(["32, 24,16"] * 8))
    assert one == other
    assert one.choices == NAMED_SPACES["channels-32"].choices
    assert parse_space(one.text) == one


@pytest.mark.parametrize(
    "text", ["", "channels-31", "32,24", "/".join(["32"] * 7), "/".join(["32"] * 9), CUSTOM + "/", "a/" * 7 + "b"]
)
def test_what_is_no_space_is_refused_and_both_forms_are_shown(text):
    with pytest.raises(SpecError, match=f"'{text}'.*channels-32, channels-48.*8 lists"):
        parse_space(text)


@pytest.mark.parametrize("width", ["0", "-8", "8,0", "8,,4", "1.5", "8_4"])
def test_an_impossible_width_in_a_space_is_refused(width):
    with pytest.raises(SpecError, match="search space"):
        parse_space("/".join([width, *["8"] * 7]))


def test_drawn_sub_networks_belong_to_the_space_and_take_every_width_equally_often():
    space = NAMED_SPACES["channels-48"]
    drawn = [space.draw(keyed_generator(0, "draw", step)) for step in range(4000)]
    assert all(widths in space for widths in drawn)
    for segment, choices in enumerate(space.choices):
        counts = Counter(widths[segment] for widths in drawn)
        assert set(counts) == set(choices)
        expected = len(drawn) / len(choices)
        assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


def test_widths_outside_a_space_are_refused_with_their_segment():
    space = NAMED_SPACES["channels-32"]
    space.require((32, 24, 16, 32, 24, 16, 32, 24))
    with pytest.raises(SpecError, match=r"20.*segment 6.*32, 24, 16"):
        space.require((32, 24, 16, 32, 24, 16, 20, 24))


def test_a_space_that_reaches_beyond_a_generator_is_refused():
    space = NAMED_SPACES["channels-32"]
    space.require_within((32,) * 8)
    space.require_within((32, 64, 32, 32, 32, 32, 32, 32))
    with pytest.raises(SpecError, match=r"^student: .*32_32_32_24_32_32_32_32.*narrower --space$"):
        space.require_within((32, 32, 32, 24, 32, 32, 32, 32), "student")


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("16_16_32_16_32_32_16_16", (16, 16, 32, 16, 32, 32, 16, 16)),
        ("24_24_24_32_20_16", (24, 24, 24, 32, 32, 32, 20, 16)),
        ("64", (64,) * 8),
        (" 1_2_3_4_5_6 \n", (1, 2, 3, 4, 4, 4, 5, 6)),
    ],
)
def test_width_strings_of_eight_six_and_one_number(text, widths):
    assert parse_widths(text) == widths
    assert parse_widths(format_widths(widths)) == widths


@pytest.mark.parametrize(
    "text", ["", "_", "32_32", "1_2_3_4_5_6_7", "8_" * 9, "0", "8_8_8_8_8_8_8_-8", "1.5", "32,32", "x"]
)
def test_what_is_no_width_string_is_refused_and_both_forms_are_named(text):
    with pytest.raises(SpecError, match=f"'{text}'.*8 positive numbers.* 6.*one number"):
        parse_widths(text)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"widths": (8,) * 7}, "widths.*8"),
        ({"widths": (8,) * 7 + (0,)}, "widths.*8"),
        ({"widths": (8,) * 7 + (8.0,)}, "widths.*8"),
        ({"widths": (8,) * 7 + (True,)}, "widths.*8"),
        ({"block": "dense"}, "'dense'.*mobile, resnet"),
        ({"n_blocks": 4}, "n_blocks.*4.*multiple of 3"),
        ({"n_blocks": 0}, "n_blocks.*0.*multiple of 3"),
        ({"in_channels": 0}, "in_channels.*0"),
        ({"out_channels": -3}, "out_channels.*-3"),
        ({"dropout": 1.0}, "dropout.*1.0"),
        ({"dropout": -0.1}, "dropout.*-0.1"),
        ({"family": "unet"}, "'unet'.*resnet"),
    ],
)
def test_an_impossible_generator_is_refused_with_argument_and_value(values, named):
    with pytest.raises(SpecError, match=named):
        GeneratorSpec(**{"widths": (8,) * 8} | values)


def test_other_impossible_specs_are_refused():
    with pytest.raises(SpecError, match="'width': 0"):
        DiscriminatorSpec(width=0)
    with pytest.raises(SpecError, match=r"adaptors.*2.*1"):
        AdaptorsSpec(in_channels=(1, 2), out_channels=(3,))
    with pytest.raises(SpecError, match=r"adaptors.*1, 0"):
        AdaptorsSpec(in_channels=(1, 0), out_channels=(3, 3))


def test_a_sub_network_cannot_be_wider_than_its_generator():
    spec = GeneratorSpec(widths=(8,) * 8, dropout=0.5, n_blocks=6)
    assert spec.narrowed((4,) * 8) == GeneratorSpec(widths=(4,) * 8, dropout=0.5, n_blocks=6)
    with pytest.raises(SpecError, match=r"8_8_8_8_9_8_8_8.*8_8_8_8_8_8_8_8"):
        spec.narrowed((8, 8, 8, 8, 9, 8, 8, 8))


@pytest.mark.parametrize(
    "spec",
    [
        GeneratorSpec(widths=(1, 2, 3, 4, 5, 6, 7, 8), block="resnet", n_blocks=6, in_channels=1, dropout=0.5),
        DiscriminatorSpec(width=5, n_layers=2, in_channels=6),
        AdaptorsSpec(in_channels=(1, 2), out_channels=(3, 4)),
    ],
)
def test_a_spec_comes_back_from_json(spec):
    stored = json.loads(json.dumps(dataclasses.asdict(spec)))
    assert spec_from_json(type(spec), stored) == spec
    with pytest.raises(SpecError, match="'colour'"):
        spec_from_json(type(spec), stored | {"colour": 1})


def test_a_spec_that_lacks_a_value_is_refused():
    with pytest.raises(SpecError, match=r"GeneratorSpec.*widths"):
        spec_from_json(GeneratorSpec, {"block": "mobile"})


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_a_discriminator_s_channels_double_up_to_eight_times_its_width(layers):
    outs = [one.out_channels for one in DiscriminatorSpec(width=4, n_layers=layers).convolutions()]
    assert outs == [*[4, 8, 16, 32, 32, 32][: layers + 1], 1]


def test_the_family_says_where_taps_and_blocks_are():
    spec = GeneratorSpec(widths=(1, 2, 3, 4, 5, 6, 7, 8))
    assert RESNET.segments == len(spec.segments) == 8
    assert spec.tap_channels == (12, 12, 12, 12)
    assert [spec.segment_channels(segment) for segment in range(8)] == [1, 4, 12, 12, 12, 12, 14, 3]


def test_a_task_comes_back_from_json_and_refuses_what_it_does_not_know():
    paired = dataclasses.replace(CYCLEGAN, pairing=Pairing.PAIRED, feature_weight=0.25)
    for task in (CYCLEGAN, paired):
        assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task
    with pytest.raises(SpecError, match=r"task.*'colour'"):
        Task.from_json(CYCLEGAN.to_json() | {"colour": 1})
    with pytest.raises(SpecError, match=r"task.*'wild'"):
        Task.from_json(CYCLEGAN.to_json() | {"pairing": "wild"})
    with pytest.raises(SpecError, match=r"task.*pairing"):
        Task.from_json({"reference": "teacher"})
    with pytest.raises(SpecError, match=r"gan_weight.*-1.0"):
        dataclasses.replace(CYCLEGAN, gan_weight=-1.0)


def test_the_cyclegan_task_has_the_published_weights():
    weights = {name: value for name, value in CYCLEGAN.to_json().items() if name.endswith(("_weight", "_size"))}
    assert weights == {
        "gan_weight": 1,
        "cycle_weight": 10,
        "identity_weight": 0.5,
        "reconstruction_weight": 10,
        "feature_weight": 0.01,
        "pool_size": 50,
    }
