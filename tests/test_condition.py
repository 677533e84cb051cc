"""A condition: every field follows its item, whatever fields there are."""

from __future__ import annotations

import torch

from ecgsynth.condition import Condition


def condition(items: int, **more: torch.Tensor) -> Condition:
    rows = torch.arange(items, dtype=torch.float32)[:, None]
    return Condition(rows, 10 * rows, torch.arange(items), more)


def test_every_field_follows_its_item() -> None:
    whole = condition(6, events=torch.arange(24.0).reshape(6, 2, 2))
    part = whole[torch.tensor([4, 1])]
    assert len(part) == 2 and part.style.tolist() == [4, 1]
    assert part.context[:, 0].tolist() == [40, 10]
    assert part.fields["events"][:, 0, 0].tolist() == [16, 4]
    assert [*part.fields] == ["label", "context", "style", "events"]


def test_parts_put_together_are_the_whole() -> None:
    whole = condition(5, mask=torch.arange(5.0))
    again = Condition.cat([whole[:2], whole[2:4], whole[4:]])
    for name, tensor in whole.fields.items():
        assert torch.equal(again.fields[name], tensor)


def test_a_condition_goes_to_a_device_with_all_its_fields() -> None:
    there = condition(3, mask=torch.ones(3)).to(torch.device("meta"))
    assert {tensor.device.type for tensor in there.fields.values()} == {"meta"}
