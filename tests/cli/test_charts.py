"""Charts of a page: what is drawn, and that it stays inside its frame."""

from __future__ import annotations

from snapstore.cli.charts import LogScale, curve, interval, runs, stacks
from snapstore.suite.statistics import rate, spread


def test_an_interval_stays_inside_its_frame() -> None:
    for successes, trials in ((0, 5), (5, 5), (1, 3)):
        chart = interval(rate(successes, trials), "label")
        assert chart
        assert all(box.x >= -0.4 and box.x + box.width <= 100.4 for box in chart.boxes)
    assert interval(rate(0, 0), "label") is None


def test_a_run_that_leaked_is_a_tall_bar() -> None:
    bars = runs([True, False], "label").boxes
    assert [bar.kind for bar in bars] == ["bad", "good"]
    assert bars[0].height > bars[1].height


def test_the_tallest_column_fills_the_height() -> None:
    boxes = stacks([{"a": 1, "b": 3}, {"b": 2}], "ab", "label").boxes
    assert [(box.kind, box.height) for box in boxes] == [("v-a", 25), ("v-b", 75), ("v-b", 50)]
    assert stacks([{}], "ab", "label").boxes == []


def test_a_curve_begins_at_zero() -> None:
    assert curve([0, 0], "label").points == "0.00,100.00 100.00,100.00"
    assert curve([1, 2], "label").points == "0.00,52.00 100.00,4.00"


def test_a_logarithmic_scale_has_room_for_all_durations() -> None:
    spreads = [spread([0.002, 0.5]), spread([3.0]), spread([0.0])]
    scale = LogScale(spreads)
    assert [(mark, place) for mark, place in scale.marks] == [(0.001, 0), (0.01, 25), (0.1, 50), (1, 75), (10, 100)]
    assert scale.place(0) == 0
    for one in spreads:
        boxes = scale.spread(one, "test", "label").boxes
        assert all(box.x >= -0.4 and box.x + box.width <= 101 for box in boxes)
