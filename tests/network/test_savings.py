"""What a pooling saves, counted by hand."""

from foveal.network.cost import network_cost
from foveal.network.savings import pooling_savings
from foveal.spec.layers import Conv, Flatten, MaxPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


def test_a_2x2_pooling_saves_three_quarters_of_what_follows():
    layers = [Conv(4, bias=False), "relu", MaxPool(2), Conv(4, bias=False), "global_avg_pool",
              Output()]  # fmt: skip
    network = Network(input=Input(height=16, width=16), layers=layers)
    first, second, last = 16 * 16 * 4 * 27, 8 * 8 * 4 * 36, 4 * 3
    assert network_cost(network, 3).multiply_adds == first + second + last
    without = first + 4 * second + last
    assert pooling_savings(network, 3) == {3: 1 - (first + second + last) / without}


def test_without_work_after_it_a_pooling_saves_what_the_output_costs_less():
    network = Network(input=Input(height=4, width=4), layers=[MaxPool(2), Flatten(), Output()])
    assert pooling_savings(network, 3) == {1: 0.75}
